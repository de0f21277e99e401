// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netns

import (
	"fmt"
	"os"
)

// ID names a network namespace among those alive on this host: the device and
// inode number of its nsfs file (ioctl_nsfs(2)). IDs are comparable; the kernel
// may use one again after its namespace is gone.
type ID struct {
	Dev, Ino uint64
}

// String returns the form the kernel shows in /proc/PID/ns/net.
func (id ID) String() string { return fmt.Sprintf("net:[%d]", id.Ino) }

// A Handle keeps one network namespace alive and open. It is safe for
// concurrent use.
type Handle struct {
	f  *os.File
	id ID
}

// ID returns the namespace's identity.
func (h *Handle) ID() ID { return h.id }

// Path returns a path under /proc by which this process and others that may
// inspect it can open the namespace, until the handle is closed.
func (h *Handle) Path() string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.f.Fd())
}

// FD returns the handle's descriptor. It stays the handle's and is valid until
// Close; it is meant for netlink attributes such as IFLA_NET_NS_FD.
func (h *Handle) FD() int { return int(h.f.Fd()) }

// Close releases the handle. A namespace goes away with its last holder:
// handles, threads, sockets, mounts. Only the first call has an effect.
func (h *Handle) Close() error {
	// os.ErrClosed from a second call is not a failure: the handle is closed.
	h.f.Close()
	return nil
}

// Do runs f in the namespace at path and returns its error. An empty path
// means the calling thread's own namespace, where f is run as it is.
func Do(path string, f func() error) error {
	if path == "" {
		return f()
	}
	h, err := Open(path)
	if err != nil {
		return err
	}
	defer h.Close()
	return h.Do(f)
}

// PanicError is what [Handle.Do] panics with, in the calling goroutine, when
// its function panicked on another one.
type PanicError struct {
	Value any    // the value given to panic
	Stack []byte // the stack of the function that panicked
}

// Error returns the value and the original stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("%v\n\npanic inside a network namespace:\n%s", e.Value, e.Stack)
}

// Unwrap returns the value if it is an error, so that errors.Is and errors.As
// see through to it.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
