// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package passfd

import (
	"os"

	"golang.org/x/sys/unix"
)

// File returns a duplicate of a descriptor as a file, which the caller closes.
// The descriptor stays the caller's.
func File(fd int, name string) (*os.File, error) {
	d, err := dup(fd)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(d), name), nil
}

// FD returns a duplicate of a file's descriptor, which the caller closes; it
// does not block. The file stays the caller's. Unlike os.File.Fd it leaves the
// file as it is.
func FD(f *os.File) (fd int, err error) {
	rc, err := f.SyscallConn()
	if err != nil {
		return -1, os.ErrInvalid // it is nil
	}
	if cerr := rc.Control(func(old uintptr) { fd, err = dup(int(old)) }); cerr != nil {
		return -1, os.ErrClosed // the only reason why Control does not run the function
	}
	if err != nil {
		return -1, err
	}
	// Who passed it on may have made it block, as os.File.Fd does.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("fcntl", err)
	}
	return fd, nil
}

func dup(fd int) (int, error) {
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	return d, os.NewSyscallError("fcntl", err)
}

// A Socket is what the kernel tells of a socket that was passed.
type Socket struct {
	FD       int
	Domain   int // AF_INET and so on
	Type     int // SOCK_RAW and so on
	Protocol int
	Locked   bool // its filter cannot be changed (SO_LOCK_FILTER)
}

// Inspect asks about a socket. It needs no privileges.
func Inspect(fd int) (Socket, error) {
	s := Socket{FD: fd}
	locked := 0
	for _, o := range []struct {
		call string
		name int
		to   *int
	}{
		{"SO_DOMAIN", unix.SO_DOMAIN, &s.Domain},
		{"SO_TYPE", unix.SO_TYPE, &s.Type},
		{"SO_PROTOCOL", unix.SO_PROTOCOL, &s.Protocol},
		{"SO_LOCK_FILTER", unix.SO_LOCK_FILTER, &locked},
	} {
		n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, o.name)
		if err != nil {
			return s, os.NewSyscallError("getsockopt "+o.call, err)
		}
		*o.to = n
	}
	s.Locked = locked != 0
	if s.Type != unix.SOCK_RAW || s.Domain != unix.AF_INET && s.Domain != unix.AF_INET6 {
		return s, os.NewSyscallError("getsockopt SO_TYPE", unix.EINVAL) // not a raw IP socket
	}
	return s, nil
}

// V6 reports whether the socket is an IPv6 one.
func (s *Socket) V6() bool { return s.Domain == unix.AF_INET6 }
