// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"net/netip"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"protean/transport/internal/sockio"
)

// A sender is a socket that only sends. With headers included there is one per
// family, of protocol IPPROTO_RAW. With headers built by the kernel there is
// one per family and protocol, opened when the protocol is bound or its first
// packet is sent.
type sender struct {
	fd int
	id int // for the poller

	discover int // Kernel: IP_MTU_DISCOVER as it is set; of the goroutine in Commit

	stamps atomic.Pointer[stampLog] // nil as long as nobody asked for a stamp
}

// close gives up the socket. Nobody uses it any more.
func (s *sender) close() {
	if l := s.stamps.Load(); l != nil {
		unix.Close(l.fd)
	}
	unix.Close(s.fd)
}

// openIncluded opens the socket of a family that sends headers as they are,
// or tries it out if they are to be built by the kernel.
func (t *Transport) openIncluded(v6 bool) error {
	fd, err := t.socket(v6, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	// IPPROTO_RAW implies the first option of each; said for the reader.
	options := []sockio.Option{
		{Call: "IP_HDRINCL", Level: unix.SOL_IP, Name: unix.IP_HDRINCL, Value: 1},
		// Connection tracking would hold fragments back until their datagram
		// is complete. There is no such option for IPv6.
		{Call: "IP_NODEFRAG", Level: unix.SOL_IP, Name: unix.IP_NODEFRAG, Value: 1},
		{Call: "SO_BROADCAST", Level: unix.SOL_SOCKET, Name: unix.SO_BROADCAST, Value: 1},
	}
	if v6 {
		options = []sockio.Option{{Call: "IPV6_HDRINCL", Level: unix.SOL_IPV6, Name: unix.IPV6_HDRINCL, Value: 1}}
	}
	// Such a socket receives packets of protocol 255, which nobody would read.
	err = dropAll(fd)
	if err == nil {
		err = setOptions(fd, options)
	}
	if err == nil {
		err = t.confine(fd, v6, true)
	}
	return t.addSender(fd, v6, 255, err, t.cfg.Header == Included)
}

// openKernel opens the socket that sends a protocol with headers built by the
// kernel. Such a socket receives too, and so keeps the kernel from answering
// "protocol unreachable"; that is up to Bind alone. So it is bound to a
// multicast address: the kernel matches packets against it, but does not use
// it as a source (raw_bind in net/ipv4/raw.c, rawv6_bind in net/ipv6/raw.c).
func (t *Transport) openKernel(v6 bool, protocol uint8) error {
	fd, err := t.socket(v6, int(protocol))
	if err != nil {
		return err
	}
	options := []sockio.Option{
		{Call: "IP_HDRINCL", Level: unix.SOL_IP, Name: unix.IP_HDRINCL, Value: 0}, // implied by protocol 255
		{Call: "SO_BROADCAST", Level: unix.SOL_SOCKET, Name: unix.SO_BROADCAST, Value: 1},
		{Call: "IP_MTU_DISCOVER", Level: unix.SOL_IP, Name: unix.IP_MTU_DISCOVER, Value: unix.IP_PMTUDISC_DONT},
	}
	var sa unix.Sockaddr = &unix.SockaddrInet4{Addr: senderAddr4.As4()}
	if v6 {
		options = []sockio.Option{
			{Call: "IPV6_HDRINCL", Level: unix.SOL_IPV6, Name: unix.IPV6_HDRINCL, Value: 0},
			{Call: "IPV6_FLOWINFO_SEND", Level: unix.SOL_IPV6, Name: sockio.FlowInfoSend, Value: 1},
			{Call: "IPV6_AUTOFLOWLABEL", Level: unix.SOL_IPV6, Name: unix.IPV6_AUTOFLOWLABEL, Value: 0},
		}
		sa = &unix.SockaddrInet6{Addr: senderAddr6.As16()}
	}
	err = dropAll(fd)
	if err == nil {
		err = setOptions(fd, options)
	}
	if err == nil {
		err = t.confine(fd, v6, false)
	}
	if err == nil {
		err = t.cfg.checksum(fd, v6, protocol)
	}
	if err == nil {
		err = opError("bind", "bind", unix.Bind(fd, sa))
	}
	return t.addSender(fd, v6, protocol, err, true)
}

// What sockets that send a protocol are bound to: groups that are never assigned
// (RFC 5771, section 4) and reserved (RFC 4291, section 2.7.1).
var (
	senderAddr4 = netip.AddrFrom4([4]byte{224, 0, 0, 0})
	senderAddr6 = netip.AddrFrom16([16]byte{0xff, 0x0e})
)

// addSender makes fd the sender of a family and protocol, or closes it if err
// is not nil or it is not to be kept.
func (t *Transport) addSender(fd int, v6 bool, protocol uint8, err error, keep bool) error {
	if err == nil {
		err = setBuffer(fd, t.cfg.SndBuf, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, "SO_SNDBUF")
	}
	if err != nil || !keep {
		unix.Close(fd)
		return err
	}
	id := sockID(v6, protocol)
	t.senders[id].Store(&sender{fd: fd, id: senderID + id, discover: -1})
	return nil
}

// sender returns the socket that sends packets of a family and protocol, nil
// without an error if the family is not there.
func (t *Transport) sender(v6 bool, protocol uint8) (*sender, error) {
	if t.cfg.Header == Included {
		return t.senders[sockID(v6, 255)].Load(), nil
	}
	p := &t.senders[sockID(v6, protocol)]
	if s := p.Load(); s != nil {
		return s, nil
	}
	if v6 && !t.caps.V6 || !v6 && !t.caps.V4 {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.openSender(v6, protocol)
	return p.Load(), err
}

// openSender opens the socket that sends a protocol with headers built by the
// kernel, if there is none. The caller holds mu.
func (t *Transport) openSender(v6 bool, protocol uint8) error {
	if t.cfg.Header == Included || t.senders[sockID(v6, protocol)].Load() != nil {
		return nil
	}
	return t.openKernel(v6, protocol)
}
