// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

// As finds an optional ability of t, an interface such as [Multicaster] or
// the concrete type of a transport, looking through decorators, outermost
// first.
func As[T any](t Transport) (T, bool) {
	for t != nil {
		if v, ok := t.(T); ok {
			return v, true
		}
		u, ok := t.(interface{ Unwrap() Transport })
		if !ok {
			break
		}
		t = u.Unwrap()
	}
	var zero T
	return zero, false
}
