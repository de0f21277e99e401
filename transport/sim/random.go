// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

// A stream is the random numbers of one direction of one link. Number k of
// packet i is a function of the key, i and k alone, so every packet has the
// same count of numbers, used or not: what happens to a packet depends neither
// on other links nor on what happened to the packets before it, and one fault
// can be switched on without changing where another one strikes.
type stream uint64

// The numbers that a packet has.
const (
	drawLoss = iota
	drawDuplicate
	drawReorder
	drawJitter
	drawsPerPacket = 8 // room for more without changing those
)

// newStream derives the key from the seed, the link's name and the direction,
// by FNV-1a, whose result is the same in every process.
func newStream(seed uint64, link string, back bool) stream {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range 8 {
		h = (h ^ seed>>(8*i)&0xff) * prime
	}
	for i := range len(link) {
		h = (h ^ uint64(link[i])) * prime
	}
	if back {
		h ^= 1
	}
	return stream(mix(h * prime))
}

// draw returns number k of packet i, evenly distributed over 64 bits: output
// i*drawsPerPacket+k of the generator SplitMix64 (Steele, Lea and Flood, "Fast
// splittable pseudorandom number generators", 2014), which needs no earlier
// output to compute it.
func (s stream) draw(i uint64, k int) uint64 {
	const golden = 0x9e3779b97f4a7c15
	return mix(uint64(s) + (i*drawsPerPacket+uint64(k)+1)*golden)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// chance reports whether number k of packet i makes an event of probability p
// happen.
func (s stream) chance(p float64, i uint64, k int) bool {
	return p > 0 && float64(s.draw(i, k)>>11)*0x1p-53 < p
}

// upTo returns number k of packet i, evenly distributed from 0 to most.
func (s stream) upTo(most int64, i uint64, k int) int64 {
	return int64(float64(s.draw(i, k)>>11) * 0x1p-53 * float64(most+1))
}
