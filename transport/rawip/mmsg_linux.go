// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// recvmmsg fills hdrs from a socket without blocking, and returns how many.
// The headers and everything they point to are in Go memory that does not
// move: the garbage collector sees every pointer in them.
func recvmmsg(fd int, hdrs []unix.Mmsghdr) (int, unix.Errno) {
	return mmsg(unix.SYS_RECVMMSG, fd, hdrs, unix.MSG_DONTWAIT)
}

// sendmmsg sends hdrs without blocking and returns how many were taken. An
// error is about the first of them.
func sendmmsg(fd int, hdrs []unix.Mmsghdr) (int, unix.Errno) {
	return mmsg(unix.SYS_SENDMMSG, fd, hdrs, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func mmsg(trap uintptr, fd int, hdrs []unix.Mmsghdr, flags uintptr) (int, unix.Errno) {
	if len(hdrs) == 0 {
		return 0, 0
	}
	for {
		n, _, errno := unix.Syscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&hdrs[0])), uintptr(len(hdrs)), flags, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// A sockaddr has room for the address of either family.
type sockaddr unix.RawSockaddrInet6

// set4 makes sa the address of an IPv4 destination and returns its length.
func (sa *sockaddr) set4(dst []byte) uint32 {
	in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
	*in = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte(dst)}
	return unix.SizeofSockaddrInet4
}

// set6 makes sa the address of an IPv6 destination and returns its length.
// The flow label in flowinfo counts only on sockets with IPV6_FLOWINFO_SEND.
func (sa *sockaddr) set6(dst []byte, flowinfo, scope uint32) uint32 {
	*sa = sockaddr{Family: unix.AF_INET6, Flowinfo: flowinfo, Addr: [16]byte(dst), Scope_id: scope}
	return unix.SizeofSockaddrInet6
}

// messages is an array of message headers with its parts, all allocated once.
type messages struct {
	hdr []unix.Mmsghdr
	iov []unix.Iovec
	sa  []sockaddr
	ctl []byte
	per int // bytes of control messages each
}

func newMessages(n, ctl int) messages {
	m := messages{
		hdr: make([]unix.Mmsghdr, n),
		iov: make([]unix.Iovec, n),
		sa:  make([]sockaddr, n),
		ctl: make([]byte, n*ctl),
		per: ctl,
	}
	for i := range m.hdr {
		h := &m.hdr[i].Hdr
		h.Iov = &m.iov[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&m.sa[i]))
		h.Control = &m.ctl[i*ctl]
	}
	return m
}

// control returns the room for control messages of message i.
func (m *messages) control(i int) []byte { return m.ctl[i*m.per : (i+1)*m.per] }

// data makes b what message i is received into or sent from.
func (m *messages) data(i int, b []byte) {
	m.iov[i].Base = unsafe.SliceData(b)
	m.iov[i].SetLen(len(b))
}

// rearm readies the first n headers for recvmmsg, which has overwritten the
// sizes of what it was to fill.
func (m *messages) rearm(n int) {
	for i := range m.hdr[:n] {
		h := &m.hdr[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(m.per)
		h.Flags = 0
	}
}

// getsockopt reads an option that x/sys has no wrapper for, and returns its
// length.
func getsockopt(fd, level, option int, b []byte) (int, unix.Errno) {
	n := uint32(len(b))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), 0)
	return int(n), errno
}
