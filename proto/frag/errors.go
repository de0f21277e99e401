// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag

import (
	"strconv"
	"syscall"
)

// A SplitError is the reason why a packet cannot be cut. It is comparable, and
// returning one does not allocate.
type SplitError uint8

// The reasons.
const (
	_ SplitError = iota

	// ErrMTU: the MTU is below the least that a link may have, or leaves no
	// room for data behind the header.
	ErrMTU

	// ErrTooLong: the packet is longer than its header can say.
	ErrTooLong

	// ErrNoID: there is no identification; a fragment with the identification
	// 0 cannot be sent, since the kernel would replace that in each fragment
	// with another.
	ErrNoID

	// ErrChain: the IPv6 header chain does not fit the first fragment (RFC
	// 7112).
	ErrChain

	// ErrUnaligned: the packet is a fragment with others behind it, and its
	// length is no multiple of eight.
	ErrUnaligned
)

// Error returns the reason in a few words.
func (e SplitError) Error() string {
	switch e {
	case ErrMTU:
		return "frag: MTU too small"
	case ErrTooLong:
		return "frag: packet too long"
	case ErrNoID:
		return "frag: no identification"
	case ErrChain:
		return "frag: header chain does not fit the first fragment"
	case ErrUnaligned:
		return "frag: fragment with a length that is no multiple of 8"
	}
	return "frag: unknown error"
}

// A TooBigError says that a packet is larger than the MTU and must not be cut:
// it has the don't-fragment flag. It is syscall.EMSGSIZE for errors.Is.
type TooBigError struct {
	Size int // length of the packet
	MTU  int // what Split was given
}

// Error tells both lengths.
func (e *TooBigError) Error() string {
	return "frag: packet of " + strconv.Itoa(e.Size) + " bytes with DF set, MTU " + strconv.Itoa(e.MTU)
}

// Is reports whether target is syscall.EMSGSIZE.
func (e *TooBigError) Is(target error) bool { return target == syscall.EMSGSIZE }
