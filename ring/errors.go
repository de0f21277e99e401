// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"fmt"
	"syscall"
)

// ErrNoFrame means that a frame of a transmit ring is not lent to the caller.
var ErrNoFrame = errors.New("ring: the frame is not lent")

// ErrOrder means that a frame of a transmit ring cannot be requested, since the one
// whose turn it is is lent.
var ErrOrder = errors.New("ring: the frame whose turn it is is lent")

// A ConfigError says which value of a configuration cannot be.
type ConfigError struct {
	Field  string
	Value  int
	Reason string // a clause: "is not a multiple of the page size"
}

func (e *ConfigError) Error() string {
	return fmt.Sprintf("ring: %s of %d %s", e.Field, e.Value, e.Reason)
}

// An OptionError says which socket option the kernel refused. It unwraps to the
// errno: EPERM or EACCES where a sandbox forbids it, since the kernel asks for
// CAP_NET_RAW when the socket is made and not here, ENOMEM when there is no memory
// for a ring of that size, EBUSY when the socket has a ring already, EINVAL for
// sizes the kernel does not take.
type OptionError struct {
	Option string // "PACKET_RX_RING"
	Err    error  // a syscall.Errno
}

func (e *OptionError) Error() string { return "ring: " + e.Option + ": " + e.Err.Error() }

// Unwrap returns the errno.
func (e *OptionError) Unwrap() error { return e.Err }

// A SizeError reports a frame that a transmit ring, or the interface behind it,
// does not take. It matches EMSGSIZE.
type SizeError struct {
	Size, Max int // bytes, from the link header on
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("ring: a frame of %d bytes; at most %d fit", e.Size, e.Max)
}

// Is reports whether target is EMSGSIZE.
func (e *SizeError) Is(target error) bool { return target == syscall.EMSGSIZE }
