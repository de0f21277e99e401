// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Socket options of <linux/in6.h> that x/sys lacks.
const (
	FlowInfo     = 11 // IPV6_FLOWINFO
	FlowInfoSend = 33 // IPV6_FLOWINFO_SEND
)

// RecvControl is the room for the control messages of one received packet:
// IPv4 has PKTINFO, RECVFRAGSIZE, TIMESTAMPNS and RXQ_OVFL, 112 bytes with a
// 64-bit size_t; IPv6 has HOPLIMIT and FLOWINFO in addition, 168.
const RecvControl = 192

// A Control is what the control messages of a received packet say.
type Control struct {
	Time     int64 // Unix nanoseconds, 0 if not told
	IfIndex  int32
	Drops    uint32 // the socket's counter when the packet was queued, wrapping; 0: not told
	Flow     uint32 // IPv6 traffic class and flow label
	FragSize uint16
	Ext      uint16   // bytes of IPv6 extension headers, for Extensions
	Hop      uint8    // hop limit, or TTL where IP_RECVTTL asks for it
	TOS      uint8    // IPv4, where IP_RECVTOS asks for it
	Local    [4]byte  // IPv4: ipi_spec_dst, the own address that stands for the destination
	Dst4     [4]byte  // IPv4 destination
	Options  []byte   // IPv4, where IP_RECVOPTS asks for them; part of what was parsed
	Dst      [16]byte // IPv6 destination
}

// Parse reads control messages in the layout of cmsg(3), over bytes: anything
// that does not fit ends it.
func (c *Control) Parse(b []byte) {
	*c = Control{}
	for {
		level, kind, d, rest, ok := NextControl(b)
		if !ok {
			return
		}
		c.set(level, kind, d)
		b = rest
	}
}

func (c *Control) set(level, kind uint32, d []byte) {
	ne := binary.NativeEndian
	switch level<<16 | kind {
	case unix.SOL_SOCKET<<16 | unix.SO_TIMESTAMPNS_NEW:
		c.Time = Timespec(d)
	case unix.SOL_SOCKET<<16 | unix.SO_RXQ_OVFL:
		if len(d) >= 4 {
			c.Drops = ne.Uint32(d)
		}
	case unix.SOL_IP<<16 | unix.IP_PKTINFO:
		if len(d) >= unix.SizeofInet4Pktinfo {
			c.IfIndex = int32(ne.Uint32(d))
			c.Local = [4]byte(d[4:])
			c.Dst4 = [4]byte(d[8:])
		}
	case unix.SOL_IP<<16 | unix.IP_TTL:
		if len(d) >= 4 {
			c.Hop = uint8(ne.Uint32(d))
		}
	case unix.SOL_IP<<16 | unix.IP_TOS:
		if len(d) >= 1 {
			c.TOS = d[0]
		}
	case unix.SOL_IP<<16 | unix.IP_RECVOPTS:
		c.Options = d
	case unix.SOL_IPV6<<16 | unix.IPV6_PKTINFO:
		if len(d) >= unix.SizeofInet6Pktinfo {
			c.Dst = [16]byte(d)
			c.IfIndex = int32(ne.Uint32(d[16:]))
		}
	case unix.SOL_IPV6<<16 | unix.IPV6_HOPLIMIT:
		if len(d) >= 4 {
			c.Hop = uint8(ne.Uint32(d))
		}
	case unix.SOL_IPV6<<16 | FlowInfo:
		if len(d) >= 4 {
			c.Flow = binary.BigEndian.Uint32(d)
		}
	case unix.SOL_IPV6<<16 | unix.IPV6_HOPOPTS, unix.SOL_IPV6<<16 | unix.IPV6_DSTOPTS, unix.SOL_IPV6<<16 | unix.IPV6_RTHDR:
		c.Ext += uint16(min(len(d), RecvControl6))
	case unix.SOL_IP<<16 | unix.IP_RECVFRAGSIZE, unix.SOL_IPV6<<16 | unix.IPV6_RECVFRAGSIZE:
		if len(d) >= 4 {
			c.FragSize = uint16(min(ne.Uint32(d), 0xffff))
		}
	}
}

// PutIPv6 writes the IPv6 header that the kernel has stripped to the start of b,
// in front of n bytes whose first header is that of next. src is where the
// packet came from.
func (c *Control) PutIPv6(b []byte, n int, next uint8, src *[16]byte) {
	binary.BigEndian.PutUint32(b, 6<<28|c.Flow&0x0fffffff)
	binary.BigEndian.PutUint16(b[4:], uint16(n))
	b[6], b[7] = next, c.Hop
	copy(b[8:24], src[:])
	copy(b[24:40], c.Dst[:])
}

// SendControl is the room for the control messages of one packet to send:
// IPv4 at most PKTINFO, TTL, TOS, RETOPTS with 40 bytes and TIMESTAMPING, 160
// bytes.
const SendControl = 192

// A Builder writes control messages into B, which has room for them.
type Builder struct {
	B []byte
	N int // bytes written
}

// Add writes the header of a control message and returns its data, n zeros.
func (w *Builder) Add(level, kind, n int) []byte {
	m := w.B[w.N : w.N+unix.CmsgSpace(n)]
	clear(m)
	if unix.SizeofPtr == 8 {
		binary.NativeEndian.PutUint64(m, uint64(unix.CmsgLen(n)))
	} else {
		binary.NativeEndian.PutUint32(m, uint32(unix.CmsgLen(n)))
	}
	binary.NativeEndian.PutUint32(m[unix.SizeofPtr:], uint32(level))
	binary.NativeEndian.PutUint32(m[unix.SizeofPtr+4:], uint32(kind))
	w.N += len(m)
	return m[unix.CmsgLen(0):unix.CmsgLen(n)]
}

// AddInt writes one whose data is an int.
func (w *Builder) AddInt(level, kind int, v uint32) {
	binary.NativeEndian.PutUint32(w.Add(level, kind, 4), v)
}

// Pktinfo4 asks for an interface, if not 0, and a source address, if not
// 0.0.0.0.
func (w *Builder) Pktinfo4(ifindex int32, src [4]byte) {
	if ifindex != 0 || src != [4]byte{} {
		d := w.Add(unix.SOL_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
		binary.NativeEndian.PutUint32(d, uint32(ifindex))
		copy(d[4:8], src[:])
	}
}

// Pktinfo6 asks for an interface, if not 0, and a source address, if not ::.
func (w *Builder) Pktinfo6(ifindex int32, src [16]byte) {
	if ifindex != 0 || src != [16]byte{} {
		d := w.Add(unix.SOL_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		copy(d, src[:])
		binary.NativeEndian.PutUint32(d[16:], uint32(ifindex))
	}
}
