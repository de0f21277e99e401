// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// cursor is where a reader of a ring is. It works on any bytes that look like a
// ring, and trusts none of them.
type cursor struct {
	mem    []byte
	v2     bool
	size   int // of a block
	blocks int
	frame  int // bytes of a frame: V2
	per    int // frames of a block: V2

	at    int    // of the block, or the V2 frame, that is next or being read
	block []byte // being read; nil: none
	off   uint64 // of the next frame in it
	step  uint64 // from the last frame to the one before it
	left  uint32 // frames in it still to come
	seq   uint64 // of the next block

	opening bool   // open is in progress
	v2hdr   Header // the V2 frame's

	corrupt  atomic.Uint64 // frames whose header, or one before it, made no sense
	skipped  atomic.Uint64 // jumps in the kernel's numbering of blocks
	timedOut atomic.Uint64 // blocks handed over before they were full
	handed   atomic.Uint64 // blocks handed over
}

func (c *cursor) init(mem []byte, v2 bool, size, blocks, frame int) {
	c.mem, c.v2, c.size, c.blocks, c.frame, c.seq = mem, v2, size, blocks, frame, 1
	if v2 {
		c.per = size / frame
	}
}

// next returns the header of the next frame, nil if there is none, what of it
// follows the link header, and the length of that header. It gives back what the
// frame before it was in: a frame, or the block if it was its last frame.
//
// What it returns stays in registers; to have the caller's memory filled in and
// read again costs 2 ns more.
func (c *cursor) next() (h *Header, b []byte, link int) {
	off, end := c.off, uint64(len(c.block))
	if c.left == 0 || off+head3 > end {
		return c.open()
	}
	// Its place was checked above; slices, checked again, cost 0.3 ns each.
	base := unsafe.Add(unsafe.Pointer(unsafe.SliceData(c.block)), off)
	h = (*Header)(base)
	// Once each: what was checked is what is used. The sums of these need
	// more than 32 bits.
	step := uint64(h.u32(v3Next))
	snap := uint64(h.u32(v3Snaplen))
	mac := uint64(h.u16(v3Mac))
	net := uint64(h.u16(v3Net))
	size := mac + snap - net
	if mac < head3 || net < mac || size > maxFrame || off+mac+snap > end || step < head3 && c.left > 1 {
		return c.odd(h, step, snap, mac, net)
	}
	// That the next frame is as far as the last one was is a guess that the
	// processor checks later: it can go on there before step has come out of
	// memory.
	if step != c.step {
		c.step = step
	}
	c.left--
	c.off = off + c.step
	return h, (*[maxFrame]byte)(unsafe.Add(base, net))[:size:size], int(net - mac)
}

// maxFrame is more than any frame has.
const maxFrame = 1 << 30

// open is next when there is no frame left in the block being read.
//
//go:noinline
func (c *cursor) open() (h *Header, b []byte, link int) {
	if c.v2 {
		return c.nextV2()
	}
	c.opening = true
	// A lap of blocks that make no sense is enough for one call.
	for laps := 0; h == nil && laps <= c.blocks && c.more(); laps++ {
		h, b, link = c.next()
	}
	c.opening = false
	return h, b, link
}

// odd is next for a frame that was cut off before its network header, or
// makes no sense.
//
//go:noinline
func (c *cursor) odd(h *Header, step, snap, mac, net uint64) (*Header, []byte, int) {
	end := c.off + mac + snap
	if mac >= head3 && net >= mac && end <= uint64(len(c.block)) && (step >= head3 || c.left == 1) {
		c.left--
		c.off += step
		return h, unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(h), mac+snap)), 0), int(snap)
	}
	c.giveUp()
	if c.opening {
		return nil, nil, 0
	}
	return c.open()
}

// more gives the block back that has been read, and opens the next one that has
// frames. It reports whether there is one.
func (c *cursor) more() bool {
	for range c.blocks {
		c.giveUp() // what is left has no room for a header
		c.giveBack()
		b := c.mem[c.at*c.size:][:c.size:c.size]
		status := acquire(b, blockStatus)
		if status&StatusUser == 0 {
			return false
		}
		c.handed.Add(1)
		if status&StatusBlockTimeout != 0 {
			c.timedOut.Add(1)
		}
		if seq := binary.NativeEndian.Uint64(b[blockSeq:]); seq != c.seq {
			c.skipped.Add(1)
			c.seq = seq
		}
		c.seq++
		c.block = b
		c.off = uint64(binary.NativeEndian.Uint32(b[blockFirst:]))
		c.left = binary.NativeEndian.Uint32(b[blockNum:])
		if c.left > uint32(c.size/head3) {
			c.left = 1 // nobody knows how many
			c.giveUp()
		}
		if c.off+head3 > uint64(len(b)) {
			c.giveUp()
		}
		// The kernel hands over a block without packets when one did not fit.
		if c.left > 0 {
			return true
		}
	}
	return false
}

// giveBack returns the block, or the V2 frame, that has been read to the
// kernel, which wants to see exactly 0 (TP_STATUS_KERNEL).
func (c *cursor) giveBack() {
	if c.block == nil {
		return
	}
	if c.v2 {
		release(c.block, v2Status, 0)
		if c.at++; c.at == c.per*c.blocks {
			c.at = 0
		}
	} else {
		release(c.block, blockStatus, 0)
		if c.at++; c.at == c.blocks {
			c.at = 0
		}
	}
	c.block, c.left = nil, 0
}

// rest gives back what has been read to its end, since nobody will come back
// to it.
func (c *cursor) rest() {
	if c.left == 0 {
		c.giveBack()
	}
}

// forget leaves the cursor without memory: who goes on to read it, against all
// rules, finds nothing instead of killing the process.
func (c *cursor) forget() { c.mem, c.block, c.left, c.blocks = nil, nil, 0, 0 }

// giveUp passes over what is left of a block whose frames make no sense.
func (c *cursor) giveUp() {
	if c.left > 0 {
		c.corrupt.Add(uint64(c.left))
		c.left = 0
	}
}

func (c *cursor) nextV2() (h *Header, network []byte, link int) {
	for range c.per * c.blocks {
		c.giveBack()
		b := c.mem[c.at/c.per*c.size+c.at%c.per*c.frame:][:c.frame:c.frame]
		if acquire(b, v2Status)&StatusUser == 0 {
			return nil, nil, 0
		}
		c.block = b
		snap := int(int32(binary.NativeEndian.Uint32(b[v2Snaplen:])))
		mac := int(binary.NativeEndian.Uint16(b[v2Mac:]))
		net := int(binary.NativeEndian.Uint16(b[v2Net:]))
		if mac >= head2 && net >= mac && uint(snap) <= uint(len(b)) && mac+snap <= len(b) {
			net = min(net, mac+snap)
			translate(&c.v2hdr, (*[head2]byte)(b))
			return &c.v2hdr, unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), net)), mac+snap-net), net - mac
		}
		c.corrupt.Add(1)
	}
	return nil, nil, 0
}

// translate makes a TPACKET_V3 header of a TPACKET_V2 one, with what Frame tells.
func translate(header *Header, from *[head2]byte) {
	to := &header.b
	copy(to[v3Sec:v3Sec+8], from[v2Sec:]) // tp_nsec as well
	copy(to[v3TPID:v3TPID+2], from[v2TPID:])
	ne := binary.NativeEndian
	ne.PutUint32(to[v3Len:], ne.Uint32(from[v2Len:]))
	ne.PutUint32(to[v3Status:], ne.Uint32(from[v2Status:]))
	ne.PutUint32(to[v3TCI:], uint32(ne.Uint16(from[v2TCI:])))
	copy(to[v3Size:], from[v2Size:])
}

// ready reports whether next has something to look at.
func (c *cursor) ready() bool {
	switch {
	case c.left > 0:
		return true
	case c.v2:
		at := c.at
		if c.block != nil { // it is read, and goes back first
			if at++; at == c.per*c.blocks {
				at = 0
			}
		}
		return acquire(c.mem, at/c.per*c.size+at%c.per*c.frame+v2Status)&StatusUser != 0
	}
	at := c.at
	if c.block != nil {
		if at++; at == c.blocks {
			at = 0
		}
	}
	return acquire(c.mem, at*c.size+blockStatus)&StatusUser != 0
}
