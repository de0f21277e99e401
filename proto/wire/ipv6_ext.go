// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

// An ExtHeader is one header of an IPv6 extension header chain.
type ExtHeader struct {
	Type       uint8  // what it is, from the next header field in front of it
	NextHeader uint8  // what follows it
	Offset     int    // where it starts, from the end of the fixed IPv6 header
	Bytes      []byte // all of it, from its next header field; aliases the packet
}

// Options returns an iterator over the options of a hop-by-hop or destination
// options header. For any other type of header the iterator is empty.
func (e ExtHeader) Options() IPv6OptionIterator {
	if e.Type != ExtHopByHop && e.Type != ExtDestination {
		return IPv6OptionIterator{}
	}
	return NewIPv6OptionIterator(e.Bytes[2:])
}

// Ext returns the header in the form in which it can be sent again. Data aliases
// the packet.
func (e ExtHeader) Ext() Ext { return Ext{Type: e.Type, Data: e.Bytes[2:]} }

// An ExtIterator goes through the extension headers of an IPv6 packet, from
// the first to the one before the upper-layer header. Unlike [WalkIPv6] it
// yields every header whose next header field can be read: mobility, HIP and
// Shim6 messages as well, and of a fragment the fragment header as the last.
//
//	it := ip.Extensions()
//	for it.Next() {
//		h := it.Header()
//	}
//	if bad := it.Err(); bad != wire.NotMalformed { … }
//
// It reads its memory as it goes and never allocates. The zero ExtIterator is
// empty.
type ExtIterator struct {
	b    []byte
	cur  ExtHeader
	off  int
	n    int
	next uint8
	done bool
	bad  Malformed
}

// NewExtIterator returns an iterator over the chain that starts at b with a
// header of type first: the next header field and the payload of a fixed
// header.
func NewExtIterator(first uint8, b []byte) ExtIterator {
	return ExtIterator{b: b, next: first}
}

// Next goes to the next extension header and reports whether there is one. It
// returns false at the upper-layer header, behind the header of a real
// fragment, and where the chain is malformed.
func (it *ExtIterator) Next() bool {
	if it.done || it.bad != NotMalformed || it.b == nil || !IsExtension(it.next) {
		return false
	}
	if it.n == MaxChain {
		it.bad = ChainTooLong
		return false
	}
	rest := it.b[it.off:]
	size := extLen(it.next, rest)
	if size == 0 || it.next == ExtHopByHop && it.n > 0 {
		it.bad = BadExtension
		return false
	}
	it.cur = ExtHeader{Type: it.next, NextHeader: rest[0], Offset: it.off, Bytes: rest[:size:size]}
	it.done = it.next == ExtFragment && !IPv6Fragment(it.cur.Bytes).IsAtomic()
	it.off += size
	it.next = rest[0]
	it.n++
	return true
}

// Header returns the extension header that Next went to.
func (it *ExtIterator) Header() ExtHeader { return it.cur }

// Protocol returns the type of what follows the headers seen so far: after
// Next returned false for a good chain, the upper-layer protocol.
func (it *ExtIterator) Protocol() uint8 { return it.next }

// Offset returns where that starts, in bytes from the end of the fixed header.
func (it *ExtIterator) Offset() int { return it.off }

// Err returns NotMalformed, or the reason why Next stopped early: BadExtension
// for a header that is cut off, misplaced or impossibly short, ChainTooLong
// for more than MaxChain headers.
func (it *ExtIterator) Err() Malformed { return it.bad }
