// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package peers

import (
	"encoding/binary"
	"net"
	"protean/docs/performance/internal/worker"

	"github.com/mdlayher/packet"
)

// answer turns the ICMP message of an echo request into its reply.
func answer(icmp []byte) bool {
	if len(icmp) < 8 || icmp[0] != 8 {
		return false
	}
	icmp[0] = 0
	sum := uint32(binary.BigEndian.Uint16(icmp[2:])) + 0x800 // RFC 1624
	binary.BigEndian.PutUint16(icmp[2:], uint16(sum&0xffff+sum>>16))
	return true
}

func openEchoNet(*worker.Options) (worker.Session, error) {
	c, err := net.ListenIP("ip4:1", nil)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 2048)
	l := &loop{stop: c.Close}
	l.step = func() (int, error) {
		n, from, err := c.ReadFrom(buf)
		if err != nil || !answer(buf[:n]) {
			return 0, err
		}
		_, err = c.WriteTo(buf[:n], from)
		return 1, err
	}
	return l, nil
}

func openEchoMdlayher(o *worker.Options) (worker.Session, error) {
	ifi, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, err
	}
	c, err := packet.Listen(ifi, packet.Raw, 0x0800, nil)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 2048)
	l := &loop{stop: c.Close}
	l.step = func() (int, error) {
		n, from, err := c.ReadFrom(buf)
		if err != nil || n < 42 || buf[23] != 1 {
			return 0, err
		}
		ip := buf[14:n]
		hl, size := int(ip[0]&15)*4, int(binary.BigEndian.Uint16(ip[2:]))
		if hl < 20 || size > len(ip) || size < hl || !answer(ip[hl:size]) {
			return 0, nil
		}
		for i := range 4 {
			ip[12+i], ip[16+i] = ip[16+i], ip[12+i]
		}
		for i := range 6 {
			buf[i], buf[6+i] = buf[6+i], buf[i]
		}
		_, err = c.WriteTo(buf[:n], from)
		return 1, err
	}
	return l, nil
}
