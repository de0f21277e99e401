// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

// A ring holds a window of a file: the blocks from some number on, as many as
// fit. It has room for whole blocks, so that a block never wraps around.
//
// Which part of it belongs to the handler, and which to the application, is
// told by offsets into the file; the application touches its part without the
// loop's lock.
type ring struct {
	buf   []byte
	block int // bytes of a block
}

// newRing returns a ring for a window of about the given number of bytes, not
// larger than the file.
func newRing(o *offer, window int) ring {
	blocks := min(max(window/o.block, 16), int(max(o.blocks(), 1)))
	return ring{buf: make([]byte, blocks*o.block), block: o.block}
}

// blocks is the number of blocks it holds.
func (r *ring) blocks() uint32 { return uint32(len(r.buf) / r.block) }

// at returns n bytes of a block's place.
func (r *ring) at(block uint32, n int) []byte {
	i := int(block%r.blocks()) * r.block
	return r.buf[i : i+n]
}

// span returns the bytes of the file between two offsets, which are no further
// apart than the ring is long; if they wrap around, only those before that.
func (r *ring) span(from, to int64) []byte {
	i := from % int64(len(r.buf))
	return r.buf[i:min(i+to-from, int64(len(r.buf)))]
}
