// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"encoding/binary"

	"protean/proto/checksum"
	"protean/proto/wire"
)

// outSlack is what a packet in out may have in front of 65535 bytes: a fixed
// IPv6 header and a fragment header that is not handed out.
const outSlack = wire.IPv6HeaderLen + wire.IPv6FragmentLen

func (r *Reassembler) buffer() []byte {
	if r.out == nil {
		r.out = make([]byte, outSlack+0xffff)
	}
	return r.out
}

// finish hands out the datagram of entry i, which is complete with f, the
// fragment just received and not stored; nil if it brought no data.
func (r *Reassembler) finish(i uint32, f *fragment, d *Datagram) Verdict {
	e := &r.entries[i]
	last := uint64(0)
	hdr := int(e.hdr)
	if f != nil {
		last = 1
		if e.first == 0 {
			hdr = f.hdr
		}
	}
	total := int(e.total)
	room := 0xffff
	if e.key.version == 6 {
		room += outSlack
	}
	ecn, ok := r.congestion(e.ecn)
	if hdr+total > room || !ok {
		v := TooLong
		if !ok {
			v = MixedECN
		}
		r.drop(i, v)
		return v
	}
	var out []byte
	if in := &r.inPlace; in.entry == i && f.fits() {
		in.put(f)
		out = in.buf[inPlaceData-hdr : inPlaceData+total]
	} else {
		out = r.assemble(i, f, hdr)
	}
	*d = Datagram{FragSize: int(e.largest), Fragments: int(e.fragments) + int(last)}
	if e.key.version == 4 {
		// DF is kept if the path let the largest fragment through with it, so
		// that the sender's path MTU discovery can be answered for.
		whole4(out, hdr, ecn, e.largestDF != 0 && e.largestDF == e.largest)
		d.Packet = out
	} else {
		d.Packet = join6(out, hdr, ecn)
	}
	r.discard(i)
	return Complete
}

// whole4 makes the IPv4 header of the first fragment that of the datagram.
func whole4(out []byte, hdr int, ecn uint8, df bool) {
	const sizeAndFragment = 0xffff<<32 | 0xffff
	be := binary.BigEndian
	x := be.Uint64(out)&^sizeAndFragment | uint64(ecn)<<48 | uint64(uint16(len(out)))<<32
	if df {
		x |= 0x4000
	}
	checksum.PutHeader(out[:hdr], x, be.Uint64(out[8:]))
}

// assemble copies entry i, complete with f, to one place, behind a header of hdr
// bytes.
func (r *Reassembler) assemble(i uint32, f *fragment, hdr int) []byte {
	e := &r.entries[i]
	if r.inPlace.entry == i {
		r.settle()
	}
	out := r.buffer()[:hdr+int(e.total)]
	if e.first != 0 {
		r.arena.read(r.pieces[e.first].chunk, 0, out[:hdr])
	} else {
		copy(out, f.b[:hdr])
	}
	if r.cfg.Policy.arbitrates() {
		r.paint(e, f, out[hdr:])
	} else {
		r.gather(e, f, out[hdr:])
	}
	return out
}

// join6 takes the fragment header, the last eight bytes of the header, out of
// the packet.
func join6(out []byte, hdr int, ecn uint8) []byte {
	var f fragment
	f.findHeader(out)
	out[f.next] = out[f.frag]
	copy(out[wire.IPv6FragmentLen:], out[:hdr-wire.IPv6FragmentLen])
	out = out[wire.IPv6FragmentLen:]
	ip := wire.IPv6(out)
	ip.SetPayloadLen(len(out) - wire.IPv6HeaderLen)
	out[1] |= ecn << 4
	return out
}

// gather copies the data to out. No two pieces overlap.
func (r *Reassembler) gather(e *entry, f *fragment, out []byte) {
	for p := e.head; p != 0; p = r.pieces[p].next {
		pc := &r.pieces[p]
		skip := 0
		if p == e.first {
			skip = int(e.hdr)
		}
		r.arena.read(pc.chunk, skip, out[pc.off:int(pc.off)+int(pc.n)])
	}
	if f != nil {
		copy(out[f.off:], f.data())
	}
}

// congestion returns what the ECN codepoints in the set add to that of the
// first fragment, and whether they go together.
func (r *Reassembler) congestion(set uint8) (ecn uint8, ok bool) {
	const notECT, ce = 1 << 0, 1 << 3
	switch {
	case r.cfg.ECN == FirstECN:
		return 0, true
	case set&notECT != 0 && set != notECT:
		return 0, false
	case set&ce != 0:
		return 3, true
	}
	return 0, true
}
