// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// A raw system call does not tell the runtime about itself, which so cannot take
// the thread's processor away meanwhile. It is for calls that never sleep and are
// over soon: the runtime cannot stop the world for as long. These are the most
// messages of one; a packet is received in less than 1 µs, and sent in 1 to 3, as
// some devices deliver it at once.
const (
	MaxReceive = 64 // of Messages.Receive
	maxSend    = 64

	// MaxSendBytes is as many packets of a usual MTU. What is longer takes longer,
	// and may be cut.
	MaxSendBytes = maxSend * 1600
)

// Sendmmsg sends hdrs without blocking and returns how many were taken. An
// error is about the first of them.
func Sendmmsg(fd int, hdrs []unix.Mmsghdr) (sent int, errno unix.Errno) {
	for sent < len(hdrs) {
		part := atOnce(hdrs[sent:])
		n, errno := mmsg(unix.SYS_SENDMMSG, fd, part, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if sent += n; n < len(part) {
			if sent > 0 {
				return sent, 0 // the error comes again, with the next call
			}
			return 0, errno
		}
	}
	return sent, 0
}

// atOnce returns the messages at the start of hdrs that one call is to send.
func atOnce(hdrs []unix.Mmsghdr) []unix.Mmsghdr {
	bytes := uint64(0)
	for i := range hdrs {
		bytes += uint64(hdrs[i].Hdr.Iov.Len) // each has one
		if i == maxSend || i > 0 && bytes > MaxSendBytes {
			return hdrs[:i]
		}
	}
	return hdrs
}

func mmsg(trap uintptr, fd int, hdrs []unix.Mmsghdr, flags uintptr) (int, unix.Errno) {
	if len(hdrs) == 0 {
		return 0, 0
	}
	for {
		n, _, errno := unix.RawSyscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&hdrs[0])), uintptr(len(hdrs)), flags, 0, 0)
		if errno == 0 {
			return int(n), 0
		}
		if errno != unix.EINTR {
			return 0, errno
		}
	}
}

// A Sockaddr has room for the address of either family.
type Sockaddr unix.RawSockaddrInet6

// Set4 makes sa the address of an IPv4 destination and returns its length.
func (sa *Sockaddr) Set4(dst []byte) uint32 {
	in := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
	*in = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte(dst)}
	return unix.SizeofSockaddrInet4
}

// Set6 makes sa the address of an IPv6 destination and returns its length.
// The flow label in flowinfo counts only on sockets with IPV6_FLOWINFO_SEND.
func (sa *Sockaddr) Set6(dst []byte, flowinfo, scope uint32) uint32 {
	*sa = Sockaddr{Family: unix.AF_INET6, Flowinfo: flowinfo, Addr: [16]byte(dst), Scope_id: scope}
	return unix.SizeofSockaddrInet6
}

// Addr4 returns the IPv4 address in sa.
func (sa *Sockaddr) Addr4() [4]byte {
	return (*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr
}

// Messages is an array of message headers with its parts, all allocated once.
type Messages struct {
	Hdr  []unix.Mmsghdr
	iov  []unix.Iovec
	Addr []Sockaddr
	ctl  []byte
	per  int // bytes of control messages each
	used int // headers that may not be ready for Receive
}

// NewMessages returns n headers, each with room for an address and for ctl bytes
// of control messages.
func NewMessages(n, ctl int) Messages {
	m := Messages{
		Hdr:  make([]unix.Mmsghdr, n),
		iov:  make([]unix.Iovec, n),
		Addr: make([]Sockaddr, n),
		ctl:  make([]byte, n*ctl),
		per:  ctl,
		used: n,
	}
	for i := range m.Hdr {
		h := &m.Hdr[i].Hdr
		h.Iov = &m.iov[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&m.Addr[i]))
		if ctl > 0 {
			h.Control = &m.ctl[i*ctl]
		}
	}
	return m
}

// Control returns the room for control messages of message i.
func (m *Messages) Control(i int) []byte { return m.ctl[i*m.per : (i+1)*m.per] }

// Data makes b what message i is received into or sent from.
func (m *Messages) Data(i int, b []byte) {
	m.iov[i].Base = unsafe.SliceData(b)
	m.iov[i].SetLen(len(b))
}

// Receive fills up to want messages from a socket without blocking, and returns
// how many. The headers and everything they point to are in Go memory that does
// not move: the garbage collector sees every pointer in them.
func (m *Messages) Receive(fd, want int) (n int, errno unix.Errno) {
	// The kernel has overwritten the sizes of what it was to fill. One packet at a
	// time is what most calls find, so the others are left alone.
	for i := range m.Hdr[:m.used] {
		h := &m.Hdr[i].Hdr
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(m.per)
		h.Flags = 0
	}
	n, errno = mmsg(unix.SYS_RECVMMSG, fd, m.Hdr[:min(want, len(m.Hdr), MaxReceive)], unix.MSG_DONTWAIT)
	m.used = min(n+1, len(m.Hdr)) // and perhaps the one that it failed at
	return n, errno
}

// Getsockopt reads an option that x/sys has no wrapper for, and returns its
// length.
func Getsockopt(fd, level, option int, b []byte) (int, unix.Errno) {
	n := uint32(len(b))
	// Answered at once; see Poller.events.
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&n)), 0)
	return int(n), errno
}
