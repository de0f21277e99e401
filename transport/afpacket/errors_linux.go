// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"protean/transport"
)

// callError wraps what a system call returned; nil stays nil.
func callError(op, call string, err error) error {
	return opError(op, os.NewSyscallError(call, err))
}

// opError says during which operation an error came; nil stays nil.
func opError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: name, Err: err}
}

// permission is opError for what takes a capability.
func permission(op, call, capability string, err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
		return callError(op, call, err)
	}
	return &transport.PermissionError{
		Op:         call,
		Capability: capability,
		Hint:       "run as root, grant it with setcap cap_net_raw,cap_net_admin+ep PROGRAM, or run in a user namespace of its own (unshare -Urn)",
		Err:        os.NewSyscallError(call, err),
	}
}

func addrError(op, why string, a netip.Addr) error {
	return opError(op, &net.AddrError{Err: why, Addr: a.String()})
}
