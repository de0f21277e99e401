// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"os"

	"golang.org/x/sys/unix"
)

// An Option is one call of setsockopt(2).
type Option struct {
	Call        string // for errors
	Level, Name int
	Value       int
}

// SetOptions sets options in order, up to the first that fails: that is an
// *os.SyscallError that names it.
func SetOptions(fd int, options []Option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.Level, o.Name, o.Value); err != nil {
			return os.NewSyscallError("setsockopt "+o.Call, err)
		}
	}
	return nil
}
