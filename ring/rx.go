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
	left  uint32 // frames in it still to come
	seq   uint64 // of the next block

	v2hdr [head3]byte // the V2 frame's header, as Frame has it

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

// next makes f the next frame, if there is one. It gives back what the one
// before it was in: a frame, or the block if it was its last frame.
func (c *cursor) next(f *Frame) bool {
	for laps := 0; ; {
		b, off := c.block, c.off
		if c.left == 0 || off+head3 > uint64(len(b)) {
			if c.v2 {
				return c.nextV2(f)
			}
			c.giveUp()
			// A lap of blocks that make no sense is enough for one call.
			if laps++; laps > c.blocks || !c.more() {
				return false
			}
			continue
		}
		// Its place was checked above; a slice, checked again, costs 0.3 ns of 4.7.
		h := (*[head3]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), off))
		// Once each: what was checked is what is used. The sums of these need
		// more than 32 bits.
		step := uint64(binary.NativeEndian.Uint32(h[v3Next:]))
		snap := uint64(binary.NativeEndian.Uint32(h[v3Snaplen:]))
		mac := uint64(binary.NativeEndian.Uint16(h[v3Mac:]))
		net := uint64(binary.NativeEndian.Uint16(h[v3Net:]))
		start := off + mac
		end := start + snap
		if mac < head3 || net < mac || end > uint64(len(b)) || step < head3 && c.left > 1 {
			c.giveUp()
			continue
		}
		c.left--
		c.off = off + step
		f.Data = b[start:end:end]
		f.net = int(min(net-mac, snap))
		f.hdr = h
		return true
	}
}

// more gives the block back that has been read, and opens the next one that has
// frames. It reports whether there is one.
func (c *cursor) more() bool {
	for range c.blocks {
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

func (c *cursor) nextV2(f *Frame) bool {
	for range c.per * c.blocks {
		c.giveBack()
		b := c.mem[c.at/c.per*c.size+c.at%c.per*c.frame:][:c.frame:c.frame]
		if acquire(b, v2Status)&StatusUser == 0 {
			return false
		}
		c.block = b
		snap := int(int32(binary.NativeEndian.Uint32(b[v2Snaplen:])))
		mac := int(binary.NativeEndian.Uint16(b[v2Mac:]))
		net := int(binary.NativeEndian.Uint16(b[v2Net:])) - mac
		if mac >= head2 && net >= 0 && uint(snap) <= uint(len(b)) && mac+snap <= len(b) {
			f.Data = b[mac : mac+snap : mac+snap]
			f.net = min(net, snap)
			translate(&c.v2hdr, (*[head2]byte)(b))
			f.hdr = &c.v2hdr
			return true
		}
		c.corrupt.Add(1)
	}
	return false
}

// translate makes a TPACKET_V3 header of a TPACKET_V2 one, with what Frame tells.
func translate(to *[head3]byte, from *[head2]byte) {
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
