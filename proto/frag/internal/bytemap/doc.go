// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package bytemap reassembles the fragments of one datagram byte by byte under
// the policies that decide between overlapping fragments, for tests. It is slow
// and obvious: every byte remembers the fragment it is from.
package bytemap
