// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

// A ring is a first-in, first-out queue that grows as needed and allocates
// nothing once it has its size.
type ring[T any] struct {
	buf  []T // length 0 or a power of two
	head int
	n    int
}

// add appends a zero T for the caller to fill in.
func (r *ring[T]) add() *T {
	if r.n == len(r.buf) {
		buf := make([]T, max(8, 2*len(r.buf)))
		for i := range r.n {
			buf[i] = *r.at(i)
		}
		r.buf, r.head = buf, 0
	}
	p := &r.buf[(r.head+r.n)&(len(r.buf)-1)]
	r.n++
	return p
}

// at returns element i, counted from the head.
func (r *ring[T]) at(i int) *T { return &r.buf[(r.head+i)&(len(r.buf)-1)] }

// drop removes the head.
func (r *ring[T]) drop() {
	var zero T
	r.buf[r.head] = zero
	r.head = (r.head + 1) & (len(r.buf) - 1)
	r.n--
}
