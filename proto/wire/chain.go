// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

// MaxChain is the number of extension headers that one IPv6 packet may have.
// RFC 8200 section 4.1 has room for seven in the recommended order; the bound
// keeps the work per packet small whatever it contains.
const MaxChain = 16

// A Chain says where the header chain of an IPv6 packet leads to.
type Chain struct {
	// Protocol is the upper-layer protocol, or ProtoESP or ProtoNoNext. Of a
	// fragment it is the next header field of the fragment header, which may
	// again be the type of an extension header (of the first fragment it is in
	// the fragment itself, of the others it is in another packet).
	Protocol uint8

	// HeaderLen is the number of bytes in front of the upper-layer header or,
	// of a fragment, up to the end of the fragment header: at least 40.
	HeaderLen int

	// Fragment is the offset of the fragment header from the start of the
	// packet, and 0 if the packet is whole. An atomic fragment (offset 0 and no
	// more to come, RFC 6946) is a whole packet.
	Fragment int

	// More is the M flag of the fragment header at Fragment.
	More bool

	// FragOffset is the fragment offset in bytes, of the fragment header at
	// Fragment.
	FragOffset int
}

// WalkIPv6 follows the next header fields of the IPv6 packet b, which starts at
// its fixed header and ends where its payload length says, up to the
// upper-layer protocol, and fills in *c. It does not look at the version.
//
// The walk steps over atomic fragment headers and ends behind the first
// fragment header of a real fragment. A mobility, HIP or Shim6 header that
// nothing follows (next header 59) is a message rather than a prefix: the walk
// ends in front of it with Protocol set to its type, so that these protocols
// can be handled like any other. A hop-by-hop options header anywhere but
// first is refused (RFC 8200 section 4.1).
//
// On any result but NotMalformed, Protocol and HeaderLen tell the type and the
// offset of the header that was refused, and 0 for TooShort.
func WalkIPv6(b []byte, c *Chain) Malformed {
	*c = Chain{}
	if len(b) < IPv6HeaderLen {
		return TooShort
	}
	c.Protocol, c.HeaderLen = b[6], IPv6HeaderLen
	if !IsExtension(b[6]) {
		return NotMalformed
	}
	if len(b) == IPv6HeaderLen && c.Protocol == ExtHopByHop {
		return Jumbogram
	}
	return c.walk(b, 0)
}

// Upper returns the upper-layer protocol of the packet b, of which *c is the chain, and the
// offset of its header, also for the first fragment of a datagram: its chain goes on
// behind the fragment header. ok is false for other fragments, and where the chain
// leaves b.
func (c *Chain) Upper(b []byte) (protocol uint8, offset int, ok bool) {
	if c.Fragment == 0 {
		return c.Protocol, c.HeaderLen, true
	}
	d := *c
	if d.FragOffset != 0 || d.walk(b, 1) != NotMalformed || d.Fragment != c.Fragment {
		return 0, 0, false
	}
	return d.Protocol, d.HeaderLen, true
}

// walk goes on behind the n-th extension header.
func (c *Chain) walk(b []byte, n int) Malformed {
	for ; IsExtension(c.Protocol); n++ {
		if n == MaxChain {
			return ChainTooLong
		}
		t, off := c.Protocol, c.HeaderLen
		if t == ExtHopByHop && n > 0 {
			return BadExtension
		}
		size := extLen(t, b[off:])
		if size == 0 {
			return BadExtension
		}
		next := b[off]
		if t >= ExtMobility && next == ExtNoNext {
			return NotMalformed
		}
		c.Protocol, c.HeaderLen = next, off+size
		if t == ExtFragment {
			f := IPv6Fragment(b[off : off+size])
			if f.Offset() != 0 || f.More() {
				c.Fragment, c.More, c.FragOffset = off, f.More(), f.Offset()
				return NotMalformed
			}
		}
	}
	return NotMalformed
}

// extLen returns the length in bytes of the extension header of type t at the
// start of b, or 0 if b does not hold all of it or the length is impossible
// for the type.
func extLen(t uint8, b []byte) int {
	if len(b) < 8 {
		return 0
	}
	var n int
	switch t {
	case ExtFragment:
		n = IPv6FragmentLen // the second byte is reserved, not a length
	case ExtAH:
		n = (int(b[1]) + 2) * 4 // RFC 4302 section 2.2: in 4-byte units, minus 2
		if n < 12 {
			return 0
		}
	default:
		n = (int(b[1]) + 1) * 8
	}
	if n > len(b) {
		return 0
	}
	return n
}
