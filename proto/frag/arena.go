// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

// Fragments are kept in chunks of three sizes, cut from slabs of one size. A
// fragment is a chain of chunks: 1480 bytes are one, 60 bytes are one, 9000
// bytes are six. A slab whose chunks are all free can serve another size; the only
// one of its size that has free chunks does so when there is no other. When there are
// no more slabs a chunk of another size will do, so that memory is bounded whatever
// sizes an attacker mixes.
const (
	slabBytes    = 48 << 10
	slabBits     = 10 // of a chunk's handle, for its number in the slab
	chunksInSlab = slabBytes / 64
)

var chunkSizes = [3]int{64, 256, 1536}

// chunkClass returns the class of the next chunk for n more bytes. What a
// fragment occupies is at most twice its length, but for those under 32 bytes.
func chunkClass(n int) int {
	switch {
	case n > 768:
		return 2
	case n > 128:
		return 1
	}
	return 0
}

// A chunk is the number of its slab plus one, shifted, and its number there;
// 0 is none.
type chunk uint32

type slab struct {
	mem        []byte
	link       []chunk // per chunk: the next of its chain, or the next free one
	free       chunk   // freed chunks
	fresh      int32   // chunks from here on were never used
	used       int32
	size       int32  // of its chunks; 0 if the slab serves no class
	class      uint8  // of its chunks
	listed     bool   // it is in the list of its class, or in that of the unused
	prev, next uint32 // in that list: number plus one
}

type arena struct {
	slabs []slab
	lists [len(chunkSizes) + 1]uint32 // slabs with free chunks per class, then unused slabs; see release
	max   int                         // most slabs
	inUse int                         // bytes of the chunks taken
}

const unused = len(chunkSizes)

func (a *arena) push(list int, i uint32) {
	s := &a.slabs[i-1]
	s.listed = true
	s.prev, s.next = 0, a.lists[list]
	if s.next != 0 {
		a.slabs[s.next-1].prev = i
	}
	a.lists[list] = i
}

func (a *arena) remove(list int, i uint32) {
	s := &a.slabs[i-1]
	s.listed = false
	if s.prev != 0 {
		a.slabs[s.prev-1].next = s.next
	} else {
		a.lists[list] = s.next
	}
	if s.next != 0 {
		a.slabs[s.next-1].prev = s.prev
	}
}

// take returns a chunk for n more bytes, preferably of the class that fits;
// 0 if there is no memory left.
func (a *arena) take(n int) chunk {
	class := chunkClass(n)
	i := a.lists[class]
	if i == 0 {
		if i = a.slab(class); i == 0 {
			return 0
		}
	}
	s := &a.slabs[i-1]
	c := s.free
	if c != 0 {
		s.free = s.link[c&(1<<slabBits-1)]
	} else {
		c = chunk(i<<slabBits | uint32(s.fresh))
		s.fresh++
	}
	s.used++
	if s.free == 0 && int(s.fresh+1)*int(s.size) > slabBytes {
		a.remove(int(s.class), i)
	}
	s.link[c&(1<<slabBits-1)] = 0
	a.inUse += int(s.size)
	return c
}

// slab returns a slab with free chunks of the class, or else of another.
func (a *arena) slab(class int) uint32 {
	i := a.lists[unused]
	switch {
	case i != 0:
		a.remove(unused, i)
	case len(a.slabs) < a.max:
		a.slabs = append(a.slabs, slab{mem: make([]byte, slabBytes), link: make([]chunk, chunksInSlab)})
		i = uint32(len(a.slabs))
	default:
		if i = a.kept(); i == 0 {
			return a.other()
		}
	}
	s := &a.slabs[i-1]
	s.class, s.size, s.fresh, s.free = uint8(class), int32(chunkSizes[class]), 0, 0
	a.push(class, i)
	return i
}

// kept takes a slab without chunks in use out of the list of its class, if there is one.
func (a *arena) kept() uint32 {
	for c, i := range a.lists[:unused] {
		if i != 0 && a.slabs[i-1].used == 0 {
			a.remove(c, i)
			return i
		}
	}
	return 0
}

// other returns a slab with free chunks, large ones rather than small ones; 0 if all
// are in use.
func (a *arena) other() uint32 {
	for c := len(chunkSizes) - 1; c >= 0; c-- {
		if i := a.lists[c]; i != 0 {
			return i
		}
	}
	return 0
}

// release gives a chain of chunks back.
func (a *arena) release(c chunk) {
	for c != 0 {
		i, k := uint32(c>>slabBits), c&(1<<slabBits-1)
		s := &a.slabs[i-1]
		next := s.link[k]
		s.link[k] = s.free
		s.free = c
		s.used--
		a.inUse -= int(s.size)
		if !s.listed {
			a.push(int(s.class), i)
			a.unuse(s.next)
		}
		if s.prev|s.next != 0 { // else it stays: one datagram at a time takes and releases
			a.unuse(i)
		}
		c = next
	}
}

// unuse moves slab i to the unused ones if none of its chunks is taken.
func (a *arena) unuse(i uint32) {
	if i == 0 || a.slabs[i-1].used != 0 {
		return
	}
	a.remove(int(a.slabs[i-1].class), i)
	a.push(unused, i)
}

// bytes returns the memory of one chunk, and the next of its chain.
func (a *arena) bytes(c chunk) ([]byte, chunk) {
	s := &a.slabs[c>>slabBits-1]
	k := c & (1<<slabBits - 1)
	at := int(k) * int(s.size)
	return s.mem[at : at+int(s.size)], s.link[k]
}

// size returns the size of one chunk.
func (a *arena) size(c chunk) int { return int(a.slabs[c>>slabBits-1].size) }

// join makes next the chunk behind c.
func (a *arena) join(c, next chunk) {
	a.slabs[c>>slabBits-1].link[c&(1<<slabBits-1)] = next
}

// write copies src to the chain, which has room for it.
func (a *arena) write(c chunk, src []byte) {
	for len(src) > 0 {
		b, next := a.bytes(c)
		src = src[copy(b, src):]
		c = next
	}
}

// read copies the chain from byte skip on to dst, as much as fits.
func (a *arena) read(c chunk, skip int, dst []byte) {
	for c != 0 && len(dst) > 0 {
		b, next := a.bytes(c)
		if skip < len(b) {
			dst = dst[copy(dst, b[skip:]):]
			skip = 0
		} else {
			skip -= len(b)
		}
		c = next
	}
}

// equal reports whether the chain from byte skip on starts with b.
func (a *arena) equal(c chunk, skip int, b []byte) bool {
	for c != 0 && len(b) > 0 {
		m, next := a.bytes(c)
		if skip < len(m) {
			n := min(len(m)-skip, len(b))
			if string(m[skip:skip+n]) != string(b[:n]) {
				return false
			}
			b, skip = b[n:], 0
		} else {
			skip -= len(m)
		}
		c = next
	}
	return len(b) == 0
}
