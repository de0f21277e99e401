// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

// A stream is random numbers that are looked up, not drawn in turn. Number k
// of packet i is a function of the key, i and k alone, and each direction of a
// link has a key, and each stage in it one of its own: what happens to a packet
// depends neither on other links, nor on other stages, nor on what happened to
// the packets before it.
type stream uint64

// drawsPerPacket is how many numbers a packet has in one stage, used or not.
const drawsPerPacket = 4

// newStream derives the key of a direction from the seed, the link's name and
// the direction, by FNV-1a, whose result is the same in every process.
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

const golden = 0x9e3779b97f4a7c15

// derive returns a stream that has nothing to do with s or with those derived
// with other numbers.
func (s stream) derive(n uint64) stream { return stream(mix(uint64(s) ^ mix((n+1)*golden))) }

// draw returns number k of packet i, evenly distributed over 64 bits: output
// i*drawsPerPacket+k of the generator SplitMix64 (Steele, Lea and Flood, "Fast
// splittable pseudorandom number generators", 2014), which needs no earlier
// output to compute it.
func (s stream) draw(i uint64, k int) uint64 {
	return mix(uint64(s) + (i*drawsPerPacket+uint64(k)+1)*golden)
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// unit returns number k of packet i as a fraction, from 0 to below 1.
func (s stream) unit(i uint64, k int) float64 { return float64(s.draw(i, k)>>11) * 0x1p-53 }

// chance reports whether number k of packet i makes an event of probability p
// happen.
func (s stream) chance(p float64, i uint64, k int) bool { return p > 0 && s.unit(i, k) < p }
