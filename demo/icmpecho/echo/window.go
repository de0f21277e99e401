// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

// windowLen is the number of requests that are remembered: as many as there are
// sequence numbers, since the next one takes a number over.
const windowLen = 1 << 16

// A state is what became of a request so far.
type state uint8

const (
	waiting state = iota
	answered
	failed // an error was reported for it
)

// A window remembers the latest requests by number. Its memory is fixed when
// it is made.
type window struct {
	sent   []int64 // when, nanoseconds since the start
	states []state
	mask   uint64
	last   uint64 // number of the latest request; the first one is 1
	open   uint64 // requests in state waiting
}

// init makes room for count requests, 0 meaning any number.
func (w *window) init(count uint64) {
	n := uint64(windowLen)
	if count > 0 && count < n {
		for n > 2 && n/2 > count {
			n /= 2
		}
	}
	w.sent, w.states, w.mask = make([]int64, n), make([]state, n), n-1
}

// push remembers the next request and returns its number. The one it takes the
// place of, if any, is given up.
func (w *window) push(now int64) uint64 {
	w.last++
	i := w.last & w.mask
	if w.last > w.mask+1 && w.states[i] == waiting {
		w.open--
	}
	w.sent[i], w.states[i] = now, waiting
	w.open++
	return w.last
}

// has reports whether request n was sent and is still remembered.
func (w *window) has(n uint64) bool { return n >= 1 && n <= w.last && w.last-n <= w.mask }

// state returns what became of request n, which must be remembered.
func (w *window) state(n uint64) state { return w.states[n&w.mask] }

// set settles request n, which must be remembered.
func (w *window) set(n uint64, s state) {
	i := n & w.mask
	if w.states[i] == waiting && s != waiting {
		w.open--
	}
	w.states[i] = s
}

// age returns how long ago request n was sent.
func (w *window) age(n uint64, now int64) int64 { return now - w.sent[n&w.mask] }

// find returns the number of the latest request that has these 16 bits; ok is
// false if there was none.
func (w *window) find(seq uint16) (n uint64, ok bool) {
	n = w.last - uint64(uint16(w.last)-seq) // wraps below 1 if there was none
	return n, w.has(n)
}

// young counts the requests that wait and are younger than limit.
func (w *window) young(now, limit int64) (count uint64) {
	for n := w.last; w.has(n) && w.age(n, now) < limit; n-- {
		if w.state(n) == waiting {
			count++
		}
	}
	return count
}
