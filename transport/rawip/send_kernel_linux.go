// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/sockio"
)

// translatable says why the kernel cannot be told to build the header of a
// packet that check has passed.
func translatable(b []byte, v6 bool) error {
	if !v6 {
		if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 { // MF or an offset
			return unsupported("sending a fragment with a header built by the kernel")
		}
		return nil
	}
	switch b[6] {
	case wire.ExtHopByHop, wire.ExtRouting, wire.ExtFragment, wire.ExtDestination:
		return unsupported("sending IPv6 extension headers with a header built by the kernel")
	}
	return nil
}

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
		m.Data(i, b[40:])
	} else {
		src := [4]byte(b[12:16])
		if src == [4]byte{} && q.t.cfg.Local4.IsValid() {
			src = q.t.cfg.Local4.As4()
		}
		ihl := int(b[0]&15) * 4
		w.Pktinfo4(s.IfIndex, src)
		w.AddInt(unix.SOL_IP, unix.IP_TTL, uint32(b[8]))
		w.AddInt(unix.SOL_IP, unix.IP_TOS, uint32(b[1]))
		if ihl > 20 {
			copy(w.Add(unix.SOL_IP, unix.IP_RETOPTS, ihl-20), b[20:ihl])
		}
		h.Namelen = m.Addr[i].Set4(b[16:20])
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
