// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter

import (
	"os"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Attach gives a socket a filter, in place of the one it has (socket(7),
// SO_ATTACH_FILTER). Packets queued before stay. The error is an
// *[os.SyscallError], around EPERM for a locked socket.
func Attach(fd int, program []bpf.RawInstruction) error {
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, fprog(program))
	return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
}

// AttachFanout gives the fanout group that a packet socket has joined, in the
// mode PACKET_FANOUT_CBPF, the program that chooses its sockets (packet(7),
// PACKET_FANOUT_DATA). The kernel refuses it, with EPERM, on a socket that
// [Lock] was called for.
func AttachFanout(fd int, program []bpf.RawInstruction) error {
	err := unix.SetsockoptSockFprog(fd, unix.SOL_PACKET, unix.PACKET_FANOUT_DATA, fprog(program))
	return os.NewSyscallError("setsockopt PACKET_FANOUT_DATA", err)
}

// Lock keeps a socket's filter for good: nobody, whatever the privileges, can
// change or remove it (SO_LOCK_FILTER).
func Lock(fd int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_LOCK_FILTER, 1)
	return os.NewSyscallError("setsockopt SO_LOCK_FILTER", err)
}

// fprog is the program in the kernel's form, which has the same layout.
func fprog(program []bpf.RawInstruction) *unix.SockFprog {
	if len(program) == 0 {
		return new(unix.SockFprog)
	}
	filter := make([]unix.SockFilter, len(program))
	for i, r := range program {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return &unix.SockFprog{Len: uint16(len(filter)), Filter: unsafe.SliceData(filter)}
}
