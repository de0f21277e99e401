// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"encoding/binary"
	"net"
	"strconv"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/sockio"
)

// translatable returns the protocol of a packet that check has passed, or says
// why the kernel cannot be told to build its header.
func translatable(b []byte, v6 bool) (protocol uint8, err error) {
	if !v6 {
		if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 { // MF or an offset
			return 0, unsupported("sending a fragment with a header built by the kernel")
		}
		if sockio.HopsPassed(b[20 : int(b[0]&15)*4]) {
			return 0, unsupported("sending a source route without hops or with hops passed with a header built by the kernel")
		}
		return b[9], nil
	}
	it := wire.NewExtIterator(b[6], b[40:])
	destination := false
	for optionsHeader(it.Protocol()) && !destination && it.Next() {
		destination = it.Header().Type == wire.ExtDestination
	}
	if bad := it.Err(); bad != wire.NotMalformed {
		return 0, &net.OpError{Op: "write", Net: name, Err: bad}
	}
	switch p := it.Protocol(); {
	case optionsHeader(p):
		return 0, unsupported("sending options headers other than one hop-by-hop and one destination options header with a header built by the kernel")
	case p == wire.ExtRouting:
		return 0, unsupported("sending a routing header with a header built by the kernel")
	case p == wire.ExtFragment:
		return 0, unsupported("sending a fragment with a header built by the kernel")
	case it.Offset() > maxExt:
		return 0, unsupported("sending more than " + strconv.Itoa(maxExt) + " bytes of options headers with a header built by the kernel")
	default:
		return p, nil
	}
}

// maxExt is how many bytes of IPv6 extension headers the kernel can be told of:
// in two control messages at most.
const maxExt = sockio.ExtControl - 2*24

// optionsHeader reports whether an IPv6 extension header is one that a control
// message has the kernel send.
func optionsHeader(t uint8) bool { return t == wire.ExtHopByHop || t == wire.ExtDestination }

// putKernel makes message i send the payload of a slot, and hands on what the
// kernel can be told of its header.
func (q *queue) putKernel(i int, s *transport.Slot, to *sender, v6 bool) {
	m := &q.tx.msg
	w := sockio.Builder{B: m.Control(i)}
	h := &m.Hdr[i].Hdr
	b := s.Data
	if v6 {
		src := [16]byte(b[8:24])
		if src == [16]byte{} && q.t.cfg.Local6.IsValid() {
			src = q.t.cfg.Local6.As16()
		}
		w.Pktinfo6(s.IfIndex, src)
		w.AddInt(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, uint32(b[7]))
		w.AddInt(unix.SOL_IPV6, unix.IPV6_TCLASS, uint32(b[0]<<4|b[1]>>4))
		label := binary.NativeEndian.Uint32([]byte{0, b[1] & 0x0f, b[2], b[3]}) // in network byte order
		h.Namelen = m.Addr[i].Set6(b[24:40], label, scope(s))
		it := wire.NewExtIterator(b[6], b[40:])
		for optionsHeader(it.Protocol()) && it.Next() {
			w.Ext(it.Header().Type, it.Header().Bytes)
		}
		m.Data(i, b[40+it.Offset():])
	} else {
		src := [4]byte(b[12:16])
		if src == [4]byte{} && q.t.cfg.Local4.IsValid() {
			src = q.t.cfg.Local4.As4()
		}
		ihl := int(b[0]&15) * 4
		w.Pktinfo4(s.IfIndex, src)
		w.AddInt(unix.SOL_IP, unix.IP_TTL, uint32(b[8]))
		w.AddInt(unix.SOL_IP, unix.IP_TOS, uint32(b[1]))
		dst := w.Options4(b[20:ihl], [4]byte(b[16:20]))
		h.Namelen = m.Addr[i].Set4(dst[:])
		m.Data(i, b[ihl:])
	}
	stamp(&w, s, to)
	h.SetControllen(w.N)
}

// setFragmenting makes the kernel fragment, or not, as the slot says, which no
// control message can. It returns false if the setting would have to change
// and that is not allowed.
func (s *sender) setFragmenting(slot *transport.Slot, change bool) (set bool, err error) {
	want := sockio.Discover(slot)
	if s.discover == want {
		return true, nil
	}
	if !change {
		return false, nil
	}
	level, name := unix.SOL_IP, unix.IP_MTU_DISCOVER
	if slot.Data[0]>>4 == 6 {
		level, name = unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER // its values are the same
	}
	if err := unix.SetsockoptInt(s.fd, level, name, want); err != nil {
		return false, opError("write", "setsockopt MTU_DISCOVER", err)
	}
	s.discover = want
	return true, nil
}
