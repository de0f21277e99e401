// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import "encoding/binary"

// txRing is the state of a transmit ring, over any bytes that look like one.
//
// The kernel walks its frames strictly in order and stops at the first that is
// not requested, so frames are filled in order, and none is left out. Frames
// from oldest to next are requested or on their way.
type txRing struct {
	mem   []byte
	frame int // bytes of a frame
	n     int // frames
	max   int // bytes of data that a frame may have

	oldest, next uint64 // counted up for ever; modulo n they are indices

	done    uint64 // frames that the kernel has sent
	bytes   uint64 // in them
	refused uint64 // frames it found wrong
}

func (t *txRing) at(i uint64) []byte {
	off := int(i%uint64(t.n)) * t.frame
	return t.mem[off : off+t.frame : off+t.frame]
}

func (t *txRing) status(i uint64) uint32 { return acquire(t.at(i), v2Status) & txMask }

// reap counts the frames that have become available again.
func (t *txRing) reap() {
	for t.oldest < t.next && t.status(t.oldest) == txAvailable {
		t.bytes += uint64(min(binary.NativeEndian.Uint32(t.at(t.oldest)[v2Len:]), uint32(t.frame)))
		t.oldest++
		t.done++
	}
}

// free returns the data of the i-th frame that can be filled, from 0, or nil if
// there are not so many.
func (t *txRing) free(i int) []byte {
	at := t.next + uint64(i)
	if at-t.oldest >= uint64(t.n) {
		if t.reap(); at-t.oldest >= uint64(t.n) {
			return nil
		}
	}
	b := t.at(at)
	// Behind the oldest, frames can become available earlier than it.
	if acquire(b, v2Status)&txMask != txAvailable {
		return nil
	}
	return b[txData : txData+t.max : txData+t.max]
}

// fill makes n the length of the i-th free frame, whose data has been written.
func (t *txRing) fill(i, n int) error {
	if n < 0 || n > t.max {
		return &SizeError{n, t.max}
	}
	if t.free(i) == nil {
		return ErrNoFrame // its owner is the kernel
	}
	binary.NativeEndian.PutUint32(t.at(t.next + uint64(i))[v2Len:], uint32(n))
	return nil
}

// request asks for the first n free frames to be sent, or as many as are free.
func (t *txRing) request(n int) {
	for ; n > 0 && t.free(0) != nil; n-- {
		release(t.at(t.next), v2Status, txRequest)
		t.next++
	}
}

// rescue has the ring go on behind a frame that the kernel has found wrong: it
// stays at that frame, and would not look at the others. Those that follow move
// up by one. It reports whether there was such a frame.
func (t *txRing) rescue() bool {
	t.reap()
	wrong := t.oldest
	for ; wrong < t.next; wrong++ {
		if s := t.status(wrong); s == txWrongFormat {
			break
		} else if s == txRequest {
			return false // the kernel has not come farther
		}
	}
	if wrong == t.next {
		return false
	}
	t.refused++
	last := t.next - 1
	for i := wrong; i < last; i++ {
		to, from := t.at(i), t.at(i+1)
		n := int(min(binary.NativeEndian.Uint32(from[v2Len:]), uint32(t.max)))
		copy(to[txData:txData+n], from[txData:txData+n])
		binary.NativeEndian.PutUint32(to[v2Len:], uint32(n))
		release(to, v2Status, txRequest)
	}
	release(t.at(last), v2Status, txAvailable)
	t.next = last
	return true
}

// underWay returns how many frames are requested or being sent.
func (t *txRing) underWay() int {
	t.reap()
	return int(t.next - t.oldest)
}
