// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netns

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	"protean/transport"
)

// threadPath is resolved by the kernel for the calling thread, unlike
// /proc/self, which shows the main thread.
const threadPath = "/proc/thread-self/ns/net"

// Open opens the namespace at path, such as /run/netns/x or /proc/PID/ns/net.
func Open(path string) (*Handle, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("netns: %w", err)
	}
	h, err := newHandle(f)
	if err != nil {
		f.Close()
		return nil, &os.PathError{Op: "netns: open", Path: path, Err: err}
	}
	return h, nil
}

// Current opens the calling thread's namespace. The caller that cares which
// thread that is has locked it.
func Current() (*Handle, error) { return Open(threadPath) }

// At opens the namespace at path, or that of the calling thread if path is
// empty.
func At(path string) (*Handle, error) {
	if path != "" {
		return Open(path)
	}
	// Between two system calls the goroutine must not move to a thread in
	// another namespace.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return Current()
}

// New makes a network namespace, which nothing but the handle keeps alive. It
// starts with a loopback interface that is down. CAP_SYS_ADMIN is needed.
func New() (*Handle, error) {
	var h *Handle
	err := visit(
		func() error { return os.NewSyscallError("unshare", unix.Unshare(unix.CLONE_NEWNET)) },
		func() (err error) { h, err = Current(); return err },
	)
	if err != nil {
		if h != nil {
			h.Close()
		}
		return nil, fmt.Errorf("netns: new namespace: %w", err)
	}
	return h, nil
}

// Dup returns a second handle on the same namespace, closed on its own.
func (h *Handle) Dup() (*Handle, error) {
	fd := -1
	err := h.control(func(old int) (err error) {
		fd, err = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 0)
		return os.NewSyscallError("fcntl", err)
	})
	if err != nil {
		return nil, fmt.Errorf("netns: %w", err)
	}
	return &Handle{f: os.NewFile(uintptr(fd), h.f.Name()), id: h.id}, nil
}

// Do runs f inside the namespace and returns f's error, or the reason why the
// namespace could not be entered, a [*transport.PermissionError] without
// CAP_SYS_ADMIN, in which case f did not run. f runs locked to
// a thread and returns before Do does. If the calling thread is in the
// namespace already, f runs on it; otherwise on another goroutine, from which a
// panic comes back as a [*PanicError] and [runtime.Goexit] as Goexit.
func (h *Handle) Do(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var st unix.Stat_t
	if err := unix.Stat(threadPath, &st); err != nil {
		return &os.PathError{Op: "netns: stat", Path: threadPath, Err: err}
	}
	if statID(&st) == h.id {
		return f()
	}
	return visit(func() error {
		err := h.control(func(fd int) error {
			return permission("setns", unix.Setns(fd, unix.CLONE_NEWNET))
		})
		if err != nil {
			return fmt.Errorf("netns: enter %v: %w", h.id, err)
		}
		return nil
	}, f)
}

// permission says what a refused call takes.
func permission(call string, err error) error {
	err = os.NewSyscallError(call, err)
	if !errors.Is(err, unix.EPERM) {
		return err
	}
	return &transport.PermissionError{
		Op:         call,
		Capability: "CAP_SYS_ADMIN",
		Hint:       "run as root, or start the program in the network namespace (ip netns exec, nsenter --net)",
		Err:        err,
	}
}

// control runs f with the descriptor held open: a Close at the same time
// cannot make the number mean something else.
func (h *Handle) control(f func(fd int) error) error {
	rc, err := h.f.SyscallConn()
	if err != nil {
		return err
	}
	var ferr error
	if err := rc.Control(func(fd uintptr) { ferr = f(int(fd)) }); err != nil {
		return os.ErrClosed // the only reason why Control does not run f
	}
	return ferr
}

func newHandle(f *os.File) (*Handle, error) {
	h := &Handle{f: f}
	err := h.control(func(fd int) error {
		kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE)
		if errors.Is(err, unix.ENOTTY) || err == nil && kind != unix.CLONE_NEWNET {
			return errors.New("not a network namespace")
		}
		if err != nil {
			return os.NewSyscallError("ioctl NS_GET_NSTYPE", err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return os.NewSyscallError("fstat", err)
		}
		h.id = statID(&st)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

func statID(st *unix.Stat_t) ID {
	return ID{Dev: uint64(st.Dev), Ino: uint64(st.Ino)}
}
