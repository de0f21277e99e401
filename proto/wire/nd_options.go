// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

// An NDOption is one option of a neighbour discovery message.
type NDOption struct {
	Type uint8
	Data []byte // without type and length; aliases the message
}

// An NDOptionIterator goes through the options of a neighbour discovery message
// (RFC 4861 section 4.6). Use it like an [ExtIterator]. The zero
// NDOptionIterator is empty.
type NDOptionIterator struct {
	b   []byte
	cur NDOption
	bad Malformed
}

// NewNDOptionIterator returns an iterator over the options in b: what follows
// the fixed part of a message.
func NewNDOptionIterator(b []byte) NDOptionIterator { return NDOptionIterator{b: b} }

// Next goes to the next option and reports whether there is one. Every call
// that returns true uses up at least eight bytes.
func (it *NDOptionIterator) Next() bool {
	if it.bad != NotMalformed || len(it.b) == 0 {
		return false
	}
	if len(it.b) < 2 || it.b[1] == 0 || int(it.b[1])*8 > len(it.b) {
		it.bad = BadOption
		return false
	}
	n := int(it.b[1]) * 8
	it.cur = NDOption{Type: it.b[0], Data: it.b[2:n:n]}
	it.b = it.b[n:]
	return true
}

// Option returns the option that Next went to.
func (it *NDOptionIterator) Option() NDOption { return it.cur }

// Err returns NotMalformed, or BadOption if an option has a length of 0 or
// reaches past the end.
func (it *NDOptionIterator) Err() Malformed { return it.bad }
