// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package fifo

// A Queue is first in, first out. It allocates nothing once it has its size. The
// zero value is empty.
type Queue[T any] struct {
	buf  []T // length 0 or a power of two
	head int
	n    int
}

// Len returns how many elements there are.
func (q *Queue[T]) Len() int { return q.n }

// Push appends v.
func (q *Queue[T]) Push(v T) { *q.Add() = v }

// Add appends a zero T for the caller to fill in, before it adds another.
func (q *Queue[T]) Add() *T {
	if q.n == len(q.buf) {
		q.grow()
	}
	p := &q.buf[(q.head+q.n)&(len(q.buf)-1)]
	q.n++
	return p
}

// At returns element i, counted from the head.
func (q *Queue[T]) At(i int) *T { return &q.buf[(q.head+i)&(len(q.buf)-1)] }

// Drop removes the head.
func (q *Queue[T]) Drop() {
	var zero T
	q.buf[q.head] = zero
	q.head = (q.head + 1) & (len(q.buf) - 1)
	q.n--
}

func (q *Queue[T]) grow() {
	buf := make([]T, max(8, 2*len(q.buf)))
	for i := range q.n {
		buf[i] = *q.At(i)
	}
	q.buf, q.head = buf, 0
}
