// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

// Types of the options in IPv6 hop-by-hop and destination options headers.
const (
	IPv6OptPad1        = 0x00 // one byte of padding, RFC 8200 section 4.2
	IPv6OptPadN        = 0x01 // two or more bytes of padding, RFC 8200 section 4.2
	IPv6OptRouterAlert = 0x05 // Router Alert, RFC 2711; hop-by-hop only
	IPv6OptJumbo       = 0xc2 // Jumbo Payload, RFC 2675; hop-by-hop only
	IPv6OptHomeAddress = 0xc9 // Home Address, RFC 6275; destination only
)

// An IPv6Option is one option of a hop-by-hop or destination options header.
type IPv6Option struct {
	Type uint8
	Data []byte // without type and length; aliases the packet
}

// Action returns what a node does with the packet if it does not know the
// option: 0 skips the option, 1 drops the packet, 2 drops it and sends an ICMP
// parameter problem, 3 does so unless the destination is multicast (RFC 8200
// section 4.2).
func (o IPv6Option) Action() uint8 { return o.Type >> 6 }

// Mutable reports whether the data may change on the way.
func (o IPv6Option) Mutable() bool { return o.Type&0x20 != 0 }

// An IPv6OptionIterator goes through the options of a hop-by-hop or
// destination options header, padding included. Use it like an [ExtIterator].
// The zero IPv6OptionIterator is empty.
type IPv6OptionIterator struct {
	b   []byte
	off int
	cur IPv6Option
	bad Malformed
}

// NewIPv6OptionIterator returns an iterator over the options in b, which is an
// options header without its first two bytes.
func NewIPv6OptionIterator(b []byte) IPv6OptionIterator { return IPv6OptionIterator{b: b} }

// Next goes to the next option and reports whether there is one. Every call
// that returns true uses up at least one byte.
func (it *IPv6OptionIterator) Next() bool {
	if it.bad != NotMalformed || it.off >= len(it.b) {
		return false
	}
	rest := it.b[it.off:]
	if rest[0] == IPv6OptPad1 {
		it.cur = IPv6Option{Type: IPv6OptPad1}
		it.off++
		return true
	}
	if len(rest) < 2 || int(rest[1])+2 > len(rest) {
		it.bad = BadOption
		return false
	}
	n := int(rest[1]) + 2
	it.cur = IPv6Option{Type: rest[0], Data: rest[2:n:n]}
	it.off += n
	return true
}

// Option returns the option that Next went to.
func (it *IPv6OptionIterator) Option() IPv6Option { return it.cur }

// Offset returns the number of bytes used up: where the next option starts, or
// where the malformed one does.
func (it *IPv6OptionIterator) Offset() int { return it.off }

// Err returns NotMalformed, or BadOption if an option reaches past the end.
func (it *IPv6OptionIterator) Err() Malformed { return it.bad }
