// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

// inPlace is one datagram whose fragments are copied to where they belong in it,
// and not to their chunks. If it is complete before anything else is made of
// them, that was the only copy. The chunks are taken and charged for all the same,
// and written by settle when they are needed, so that what is held is bounded,
// and dropped, as if they had been written at once.
type inPlace struct {
	entry uint32 // 0 if there is none
	idle  int    // fragments of other datagrams that were kept since its last one
	buf   []byte // headers end, and the data starts, at inPlaceData
}

const (
	// inPlaceData is more than what is in front of data, but for IPv6 packets with
	// long chains of headers; what is longer is not kept in place.
	inPlaceData = 256

	// patience is how many fragments of others have to be kept for the next new
	// datagram to take the place. What comes in turns from many datagrams is copied
	// once more for every so many of them; one that stays incomplete keeps the
	// place for as long.
	patience = 16
)

// begin keeps the new entry i in place, if there is room for it.
func (r *Reassembler) begin(i uint32) {
	in := &r.inPlace
	if in.entry != 0 {
		if in.idle < patience {
			return
		}
		r.settle()
	}
	if in.buf == nil {
		in.buf = make([]byte, inPlaceData+0xffff)
	}
	in.entry, in.idle = i, 0
}

// fits reports whether f has room in place.
func (f *fragment) fits() bool { return f.hdr <= inPlaceData && f.end <= 0xffff }

// put copies the data of f to its place, and the header too if it is the first.
func (in *inPlace) put(f *fragment) {
	from := 0
	if f.off != 0 {
		from = f.hdr
	}
	copy(in.buf[inPlaceData+f.off-f.hdr+from:], f.b[from:f.hdr+f.end-f.off])
}

// piece returns the bytes of a piece with so much of the header in front.
func (in *inPlace) piece(p *piece, hdr int) []byte {
	at := inPlaceData + int(p.off)
	return in.buf[at-hdr : at+int(p.n)]
}

// settle copies what is kept in place to its chunks.
func (r *Reassembler) settle() {
	in := &r.inPlace
	e := &r.entries[in.entry]
	in.entry = 0
	for p := e.head; p != 0; p = r.pieces[p].next {
		hdr := 0
		if p == e.first {
			hdr = int(e.hdr)
		}
		r.arena.write(r.pieces[p].chunk, in.piece(&r.pieces[p], hdr))
	}
}
