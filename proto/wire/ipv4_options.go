// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"
)

// Types of IPv4 options: copied flag, class and number in one byte (RFC 791
// section 3.1).
const (
	IPv4OptEnd         = 0   // end of option list
	IPv4OptNop         = 1   // no operation, for alignment
	IPv4OptRecordRoute = 7   // Record Route
	IPv4OptTimestamp   = 68  // Internet Timestamp
	IPv4OptSecurity    = 130 // Basic Security, RFC 1108
	IPv4OptLSRR        = 131 // Loose Source and Record Route
	IPv4OptCIPSO       = 134 // Commercial IP Security
	IPv4OptSSRR        = 137 // Strict Source and Record Route
	IPv4OptRouterAlert = 148 // Router Alert, RFC 2113
)

// An IPv4Option is one option of an IPv4 header.
type IPv4Option struct {
	Type   uint8
	Offset int    // where the option starts in the options
	Data   []byte // without type and length; nil for no operation; aliases the packet
}

// Copied reports whether the option goes into every fragment.
func (o IPv4Option) Copied() bool { return o.Type&0x80 != 0 }

// Class returns the option class: 0 control, 2 debugging and measurement.
func (o IPv4Option) Class() uint8 { return o.Type >> 5 & 3 }

// Number returns the option number, unique within its class.
func (o IPv4Option) Number() uint8 { return o.Type & 0x1f }

// Len returns the number of bytes of the whole option.
func (o IPv4Option) Len() int {
	if o.Type <= IPv4OptNop {
		return 1
	}
	return 2 + len(o.Data)
}

// Route returns entry i, from 0, of the route data of a record route, loose or
// strict source route option, and whether there is one. Entries before
// Recorded were passed; the others are places to record in or, of a source
// route, hops to come.
func (o IPv4Option) Route(i int) (netip.Addr, bool) {
	if !o.isRoute() || i < 0 || len(o.Data) < 1+4*(i+1) {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4([4]byte(o.Data[1+4*i:])), true
}

// Recorded returns how many addresses of a record route, loose or strict
// source route option were passed, from its pointer field.
func (o IPv4Option) Recorded() int {
	if !o.isRoute() || len(o.Data) < 1 {
		return 0
	}
	// The pointer counts from 1 at the option's type byte: 4 is the first entry.
	return max(0, min(int(o.Data[0])/4-1, (len(o.Data)-1)/4))
}

func (o IPv4Option) isRoute() bool {
	return o.Type == IPv4OptRecordRoute || o.Type == IPv4OptLSRR || o.Type == IPv4OptSSRR
}

// Timestamp returns recorded entry i, from 0, of an internet timestamp option,
// and whether there is one: the time in milliseconds since midnight UT (or not
// so, if its top bit is set) and, if the option records them, the address.
func (o IPv4Option) Timestamp(i int) (ms uint32, addr netip.Addr, ok bool) {
	if o.Type != IPv4OptTimestamp || len(o.Data) < 2 || i < 0 {
		return 0, netip.Addr{}, false
	}
	size := timestampEntry(o.Data[1] & 15)
	end := 2 + size*(i+1)
	// The pointer counts from 1 at the type byte, which Data does not hold.
	if end > len(o.Data) || end > int(o.Data[0])-3 {
		return 0, netip.Addr{}, false
	}
	if size == 8 {
		addr = netip.AddrFrom4([4]byte(o.Data[end-8:]))
	}
	return binary.BigEndian.Uint32(o.Data[end-4:]), addr, true
}

// An IPv4OptionIterator goes through the options of an IPv4 header. It yields
// no operation options, and ends in front of an end of option list.
//
//	it := ip.OptionIterator()
//	for it.Next() {
//		o := it.Option()
//	}
//	if bad := it.Err(); bad != wire.NotMalformed { … }
//
// It reads its memory as it goes and never allocates. The zero
// IPv4OptionIterator is empty.
type IPv4OptionIterator struct {
	b   []byte
	off int
	cur IPv4Option
	bad Malformed
}

// NewIPv4OptionIterator returns an iterator over the options in b.
func NewIPv4OptionIterator(b []byte) IPv4OptionIterator { return IPv4OptionIterator{b: b} }

// Next goes to the next option and reports whether there is one. Every call
// that returns true uses up at least one byte.
func (it *IPv4OptionIterator) Next() bool {
	if it.bad != NotMalformed || it.off >= len(it.b) {
		return false
	}
	rest := it.b[it.off:]
	switch rest[0] {
	case IPv4OptEnd:
		return false
	case IPv4OptNop:
		it.cur = IPv4Option{Type: IPv4OptNop, Offset: it.off}
		it.off++
		return true
	}
	if len(rest) < 2 || rest[1] < 2 || int(rest[1]) > len(rest) {
		it.bad = BadOption
		return false
	}
	n := int(rest[1])
	it.cur = IPv4Option{Type: rest[0], Offset: it.off, Data: rest[2:n:n]}
	it.off += n
	return true
}

// Option returns the option that Next went to.
func (it *IPv4OptionIterator) Option() IPv4Option { return it.cur }

// Offset returns the number of bytes used up: where the next option starts, or
// the end of option list, or the malformed option. What an ICMP parameter
// problem points at is this plus IPv4HeaderLen.
func (it *IPv4OptionIterator) Offset() int { return it.off }

// Err returns NotMalformed, or BadOption if an option has no length, a length
// of 0 or 1, or one that reaches past the end.
func (it *IPv4OptionIterator) Err() Malformed { return it.bad }
