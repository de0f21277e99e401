// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package linuxref is a model of how Linux 6.x reassembles the fragments of one
// datagram, for tests: a second opinion that shares no code and no structure
// with what it judges. It keeps every fragment and copies it at will; memory
// limits, timers and header fields are not part of it.
//
// With [Rules] the model departs from the kernel one by one in the respects in
// which package frag does by default, and it reports when that made a
// difference, so that a test can tell a difference that is meant from one that
// is not.
package linuxref
