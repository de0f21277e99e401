// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

// A bucket is a token bucket: so many at once, and one more per interval.
type bucket struct {
	full int64 // when it will be full again, if nothing is taken
}

// take takes a token at now, if there is one.
func (b *bucket) take(now, interval int64, burst int) bool {
	full := max(b.full, now)
	if full-now > interval*int64(burst-1) {
		return false
	}
	b.full = full + interval
	return true
}
