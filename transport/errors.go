// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Errors that a caller acts on.
var (
	// ErrNoSlots means that there is no room to send now. Wait returns when
	// there is room again.
	ErrNoSlots = errors.New("transport: no slots")

	// ErrStepped is returned by calls that would block on a transport driven
	// step by step.
	ErrStepped = errors.New("transport: driven step by step, cannot block")
)

// A TooBigError says that a packet is larger than what can be sent.
// errors.Is(err, syscall.EMSGSIZE) holds.
type TooBigError struct {
	Size int // bytes of the packet, from its IP header on
	MTU  int // most bytes that fit; 0 if unknown
}

func (e *TooBigError) Error() string {
	if e.MTU == 0 {
		return fmt.Sprintf("packet of %d bytes is larger than the MTU", e.Size)
	}
	if e.MTU == 65535 || e.MTU == 40+65535 { // what a packet can have, and no link (lo has 65536)
		return fmt.Sprintf("packet of %d bytes is larger than the %d that one can have", e.Size, e.MTU)
	}
	return fmt.Sprintf("packet of %d bytes is larger than the MTU of %d", e.Size, e.MTU)
}

// Is reports whether target is syscall.EMSGSIZE.
func (e *TooBigError) Is(target error) bool { return target == syscall.EMSGSIZE }

// A PermissionError says which privilege an operation lacks and how to get
// it. errors.Is(err, os.ErrPermission) holds.
type PermissionError struct {
	Op         string // what was tried, such as "socket"
	Capability string // what it takes, such as "CAP_NET_RAW"
	Hint       string // how to get it, a sentence
	Err        error  // what the kernel said; may be nil
}

func (e *PermissionError) Error() string {
	s := e.Op + ": " + e.Capability + " is required"
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// Is reports whether target is os.ErrPermission.
func (e *PermissionError) Is(target error) bool { return target == os.ErrPermission }

func (e *PermissionError) Unwrap() error { return e.Err }

// An UnsupportedError says that a transport lacks a feature, on this system or
// at all. errors.Is(err, errors.ErrUnsupported) holds.
type UnsupportedError struct {
	Transport string // Caps.Name
	Feature   string // what was asked for
}

func (e *UnsupportedError) Error() string {
	return e.Transport + ": " + e.Feature + " is not supported"
}

// Is reports whether target is errors.ErrUnsupported.
func (e *UnsupportedError) Is(target error) bool { return target == errors.ErrUnsupported }

// A ProtocolError says why a protocol number cannot be bound.
type ProtocolError struct {
	Protocol int
	Reason   string // a clause: "is not in 1 to 255"
}

func (e *ProtocolError) Error() string {
	return fmt.Sprintf("protocol %d %s", e.Protocol, e.Reason)
}

// CheckProtocol returns a *ProtocolError if protocol is not a number that
// packets of the given families can carry to a handler: it must lie in 1 to
// 255, and with IPv6 it must not be that of an extension header (RFC 8200,
// section 4), which is part of every protocol's packets.
func CheckProtocol(protocol int, v6 bool) error {
	switch {
	case protocol < 1 || protocol > 255:
		return &ProtocolError{protocol, "is not in 1 to 255"}
	case v6 && (protocol == 43 || protocol == 44 || protocol == 60):
		return &ProtocolError{protocol, "is an IPv6 extension header, not a protocol"}
	}
	return nil
}
