// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import "protean/proto/wire"

// ParameterProblem returns what an ICMPv6 parameter problem message about the
// IPv6 fragment b says, if v is a verdict on it that calls for one (RFC 8200
// section 4.5, RFC 7112 section 5): the code, and the pointer into b. B is the
// packet that Feed refused. A kernel that takes in the same packet answers by
// itself.
func (v Verdict) ParameterProblem(b []byte) (code uint8, pointer uint32, ok bool) {
	if len(b) < wire.IPv6HeaderLen || b[0]>>4 != 6 {
		return 0, 0, false
	}
	switch v {
	case ShortChain:
		return wire.ICMPv6IncompleteChain, 0, true
	case Unaligned:
		return wire.ICMPv6HeaderError, 4, true // payload length
	case TooLong, Nested:
	default:
		return 0, 0, false
	}
	// The two point at a fragment header: the offset field of the one there is,
	// the whole of a second one.
	seen := false
	at := wire.IPv6HeaderLen
	next, rest := b[6], b[wire.IPv6HeaderLen:]
	for range 2 {
		it := wire.NewExtIterator(next, rest)
		for it.Next() {
			h := it.Header()
			if h.Type != wire.ExtFragment {
				continue
			}
			switch {
			case v == TooLong:
				return wire.ICMPv6HeaderError, uint32(at + h.Offset + 2), true
			case seen:
				return wire.ICMPv6HeaderError, uint32(at + h.Offset), true
			}
			seen = true
		}
		// The iterator ends behind a real fragment's header.
		at += it.Offset()
		next, rest = it.Protocol(), rest[it.Offset():]
	}
	return 0, 0, false
}
