// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"protean/transport/internal/sockio"
)

// Socket options of <linux/in6.h> that x/sys lacks.
const (
	ipv6FlowInfo     = 11 // IPV6_FLOWINFO
	ipv6FlowInfoSend = 33 // IPV6_FLOWINFO_SEND
)

// recvControl is the room for the control messages of one received packet:
// IPv4 has PKTINFO, RECVFRAGSIZE, TIMESTAMPNS and RXQ_OVFL, 112 bytes with a
// 64-bit size_t; IPv6 has HOPLIMIT and FLOWINFO in addition, 168.
const recvControl = 192

// control is what the control messages of a received packet say.
type control struct {
	time     int64 // Unix nanoseconds, 0 if not told
	ifindex  int32
	drops    uint32 // the socket's counter when the packet was queued, wrapping; 0: not told
	flow     uint32 // IPv6 traffic class and flow label
	fragSize uint16
	hop      uint8
	local    [4]byte  // IPv4: ipi_spec_dst, the own address that stands for the destination
	dst      [16]byte // IPv6 destination
}

// parse reads control messages in the layout of cmsg(3), over bytes: anything
// that does not fit ends it.
func (c *control) parse(b []byte) {
	*c = control{}
	for {
		level, kind, d, rest, ok := sockio.NextControl(b)
		if !ok {
			return
		}
		c.set(level, kind, d)
		b = rest
	}
}

func (c *control) set(level, kind uint32, d []byte) {
	ne := binary.NativeEndian
	switch level<<16 | kind {
	case unix.SOL_SOCKET<<16 | unix.SO_TIMESTAMPNS_NEW:
		c.time = sockio.Timespec(d)
	case unix.SOL_SOCKET<<16 | unix.SO_RXQ_OVFL:
		if len(d) >= 4 {
			c.drops = ne.Uint32(d)
		}
	case unix.SOL_IP<<16 | unix.IP_PKTINFO:
		if len(d) >= unix.SizeofInet4Pktinfo {
			c.ifindex = int32(ne.Uint32(d))
			c.local = [4]byte(d[4:])
		}
	case unix.SOL_IPV6<<16 | unix.IPV6_PKTINFO:
		if len(d) >= unix.SizeofInet6Pktinfo {
			c.dst = [16]byte(d)
			c.ifindex = int32(ne.Uint32(d[16:]))
		}
	case unix.SOL_IPV6<<16 | unix.IPV6_HOPLIMIT:
		if len(d) >= 4 {
			c.hop = uint8(ne.Uint32(d))
		}
	case unix.SOL_IPV6<<16 | ipv6FlowInfo:
		if len(d) >= 4 {
			c.flow = binary.BigEndian.Uint32(d)
		}
	case unix.SOL_IP<<16 | unix.IP_RECVFRAGSIZE, unix.SOL_IPV6<<16 | unix.IPV6_RECVFRAGSIZE:
		if len(d) >= 4 {
			c.fragSize = uint16(min(ne.Uint32(d), 0xffff))
		}
	}
}

// sendControl is the room for the control messages of one packet to send:
// IPv4 at most PKTINFO, TTL, TOS, RETOPTS with 40 bytes and TIMESTAMPING, 160
// bytes.
const sendControl = 192

// A builder writes control messages into b, which has room for them.
type builder struct {
	b []byte
	n int // bytes written
}

// add writes the header of a control message and returns its data, n zeros.
func (w *builder) add(level, kind, n int) []byte {
	m := w.b[w.n : w.n+unix.CmsgSpace(n)]
	clear(m)
	if unix.SizeofPtr == 8 {
		binary.NativeEndian.PutUint64(m, uint64(unix.CmsgLen(n)))
	} else {
		binary.NativeEndian.PutUint32(m, uint32(unix.CmsgLen(n)))
	}
	binary.NativeEndian.PutUint32(m[unix.SizeofPtr:], uint32(level))
	binary.NativeEndian.PutUint32(m[unix.SizeofPtr+4:], uint32(kind))
	w.n += len(m)
	return m[unix.CmsgLen(0):unix.CmsgLen(n)]
}

func (w *builder) addInt(level, kind int, v uint32) {
	binary.NativeEndian.PutUint32(w.add(level, kind, 4), v)
}

// pktinfo4 asks for an interface, if not 0, and a source address, if not
// 0.0.0.0.
func (w *builder) pktinfo4(ifindex int32, src [4]byte) {
	if ifindex != 0 || src != [4]byte{} {
		d := w.add(unix.SOL_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		binary.NativeEndian.PutUint32(d, uint32(ifindex))
		copy(d[4:8], src[:])
	}
}

// pktinfo6 asks for an interface, if not 0, and a source address, if not ::.
func (w *builder) pktinfo6(ifindex int32, src [16]byte) {
	if ifindex != 0 || src != [16]byte{} {
		d := w.add(unix.SOL_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		copy(d, src[:])
		binary.NativeEndian.PutUint32(d[16:], uint32(ifindex))
	}
}
