// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import "encoding/binary"

// txRing is the state of a transmit ring, over any bytes that look like one.
//
// The kernel walks its frames strictly in order and stops at the first that is
// not requested. So none may be left out, while those who fill frames do so when
// they like, or never. From oldest to head, frames are requested or on their way;
// behind them, out frames are lent, or were lent and are empty now. A packet
// whose frame is not at head is copied to the one there, if that is empty.
type txRing struct {
	mem    []byte
	stride int // bytes from one frame to the next in mem
	frame  int // bytes of a frame, as the kernel sees it
	n      int // frames
	max    int // bytes of data that a frame may have
	room   int // bytes of data that there is memory for

	head  int // the frame to request next
	under int // frames in front of it that are requested or on their way
	out   int // frames from it on that are lent, or empty with a lent one behind

	lent  []bool
	count int // of true in lent

	done    uint64 // frames that the kernel has sent
	bytes   uint64 // in them
	refused uint64 // frames it found wrong
	copied  uint64 // frames whose data was copied to another frame
}

func (t *txRing) init(mem []byte, stride, frame, n, max, room int) {
	*t = txRing{mem: mem, stride: stride, frame: frame, n: n, max: max, room: room, lent: make([]bool, n)}
}

// after returns the index of the frame that is d behind i, 0 <= d <= n.
func (t *txRing) after(i, d int) int {
	if i += d; i >= t.n {
		i -= t.n
	}
	return i
}

// before returns the index of the frame that is d in front of i.
func (t *txRing) before(i, d int) int {
	if i -= d; i < 0 {
		i += t.n
	}
	return i
}

func (t *txRing) at(i int) []byte {
	off := i * t.stride
	return t.mem[off : off+t.frame : off+t.frame]
}

func (t *txRing) status(i int) uint32 { return acquire(t.at(i), v2Status) & txMask }

// data is the memory of a frame for its data.
func (t *txRing) data(i int) []byte {
	off := i*t.stride + txData
	return t.mem[off : off+t.max : off+t.room]
}

// reap counts the frames that have become available again.
func (t *txRing) reap() {
	for i := t.before(t.head, t.under); t.under > 0; i = t.after(i, 1) {
		b := t.at(i)
		if acquire(b, v2Status)&txMask != txAvailable {
			return
		}
		t.bytes += uint64(min(binary.NativeEndian.Uint32(b[v2Len:]), uint32(t.frame)))
		t.under--
		t.done++
	}
}

// lend returns the frame that comes next, or -1 if there is none: the one behind
// the last that is lent, or else one that was left empty.
func (t *txRing) lend() int {
	i := t.next()
	if i >= 0 {
		t.lent[i] = true
		t.count++
	}
	return i
}

func (t *txRing) next() int {
	if t.under+t.out == t.n {
		t.reap()
	}
	if t.under+t.out < t.n {
		// Behind the oldest, frames can become available earlier than it.
		if i := t.after(t.head, t.out); t.status(i) == txAvailable {
			t.out++
			return i
		}
	}
	if t.count < t.out {
		for d := range t.out {
			if i := t.after(t.head, d); !t.lent[i] {
				return i
			}
		}
	}
	return -1
}

// holds reports whether frame i is lent.
func (t *txRing) holds(i int) bool { return i >= 0 && i < t.n && t.lent[i] }

// free takes a frame back that is not to be sent.
func (t *txRing) free(i int) {
	if t.holds(i) {
		t.lent[i] = false
		t.count--
		t.trim()
	}
}

// trim forgets empty frames behind the last that is lent.
func (t *txRing) trim() {
	for t.out > 0 && !t.lent[t.after(t.head, t.out-1)] {
		t.out--
	}
}

// request takes a lent frame back and has n bytes of it sent, behind all that was
// requested before: in place if the frame is at head, otherwise by a copy there,
// if that frame is empty.
func (t *txRing) request(i, n int) error {
	switch {
	case n < 0 || n > t.max:
		return &SizeError{n, t.max}
	case !t.holds(i):
		return ErrNoFrame
	case i != t.head:
		if t.lent[t.head] {
			return ErrOrder
		}
		copy(t.data(t.head), t.data(i)[:n])
		t.copied++
	}
	b := t.at(t.head)
	binary.NativeEndian.PutUint32(b[v2Len:], uint32(n))
	release(b, v2Status, txRequest)
	t.lent[i] = false
	t.count--
	t.head = t.after(t.head, 1)
	t.out--
	t.under++
	if t.count == 0 {
		t.out = 0
	} else if i != t.before(t.head, 1) {
		t.trim()
	}
	return nil
}

// waiting reports whether frames are requested that the kernel has not taken. It
// takes them in order, so that the last one tells.
func (t *txRing) waiting() bool {
	return t.under > 0 && t.status(t.before(t.head, 1)) == txRequest
}

// rescue has the ring go on behind a frame that the kernel has found wrong: it
// stays at that frame, and would not look at the others. Those that follow move
// up by one. It reports whether there was such a frame.
func (t *txRing) rescue() bool {
	t.reap()
	left := t.under // from the wrong frame on
	wrong := t.before(t.head, left)
	for ; left > 0; left, wrong = left-1, t.after(wrong, 1) {
		if s := t.status(wrong); s == txWrongFormat {
			break
		} else if s == txRequest {
			return false // the kernel has not come farther
		}
	}
	if left == 0 {
		return false
	}
	t.refused++
	for i := wrong; left > 1; left-- {
		next := t.after(i, 1)
		to, from := t.at(i), t.at(next)
		n := int(min(binary.NativeEndian.Uint32(from[v2Len:]), uint32(t.frame-txData)))
		copy(to[txData:txData+n], from[txData:txData+n])
		binary.NativeEndian.PutUint32(to[v2Len:], uint32(n))
		release(to, v2Status, txRequest)
		i = next
	}
	t.head = t.before(t.head, 1)
	release(t.at(t.head), v2Status, txAvailable)
	t.under--
	if t.out > 0 {
		t.out++ // it is empty, with lent ones behind
	}
	return true
}

// giveUp takes out the first frame that the kernel has not taken, as if the kernel
// had found it wrong. It reports whether there was one.
func (t *txRing) giveUp() bool {
	t.reap()
	for left := t.under; left > 0; left-- {
		if i := t.before(t.head, left); t.status(i) == txRequest {
			release(t.at(i), v2Status, txWrongFormat)
			return t.rescue()
		}
	}
	return false
}

// underWay returns how many frames are requested or being sent.
func (t *txRing) underWay() int {
	t.reap()
	return t.under
}
