// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"protean/ring/sysmon"
)

// A waiter waits for a socket through the runtime's poller, so that a goroutine
// that waits holds no thread, and deadlines, Wake and Close end it. The poller is
// told on first use: who waits for several sockets does it elsewhere.
type waiter struct {
	fd    int // the ring's own descriptor of the socket; file's, once there is one
	ready func() bool
	begin sync.Once
	bad   error // of begin
	file  *os.File
	raw   syscall.RawConn
	check func(uintptr) bool // made once, or each wait would allocate

	woken    atomic.Bool // a Wake is due
	deadline atomic.Bool // file may have a deadline
	failed   error       // what the socket had to report, found by check
	guard    sysmon.Guard
}

func (w *waiter) init(fd int, ready func() bool) {
	w.fd, w.ready = fd, ready
	w.check = func(uintptr) bool {
		if w.ready() {
			return true
		}
		w.failed = w.pendingError()
		return w.failed != nil
	}
}

func (w *waiter) open() error {
	w.begin.Do(func() {
		if err := unix.SetNonblock(w.fd, true); err != nil {
			w.bad = os.NewSyscallError("fcntl O_NONBLOCK", err)
			return
		}
		w.file = os.NewFile(uintptr(w.fd), "packet socket")
		w.raw, w.bad = w.file.SyscallConn()
		if w.bad == nil {
			w.bad = w.file.SetDeadline(time.Time{}) // fails if the poller has refused it
		}
	})
	return w.bad
}

// wait returns when ready is true, on wake, when until has passed (zero: never),
// or with the socket's error.
func (w *waiter) wait(until time.Time) error {
	if err := w.open(); err != nil {
		return err
	}
	if !until.IsZero() || w.deadline.Load() {
		w.deadline.Store(!until.IsZero())
		if err := w.file.SetReadDeadline(until); err != nil {
			return err
		}
	}
	if w.woken.Swap(false) || w.ready() {
		w.guard.Busy(sysmon.Now())
		return nil
	}
	w.guard.Yield()
	w.failed = nil
	err := w.raw.Read(w.check)
	w.guard.Parked(sysmon.Now())
	switch {
	case w.failed != nil:
		return w.failed
	case errors.Is(err, os.ErrDeadlineExceeded):
		// A wake whose flag the last wait has taken back may have set its deadline
		// after that: without this, no wait would ever clear it.
		w.deadline.Store(true)
		w.woken.Store(false)
		return nil
	case errors.Is(err, os.ErrClosed):
		return net.ErrClosed
	case err != nil:
		// The runtime's poller has seen an error and nothing else.
		return w.pendingError()
	}
	return nil
}

func (w *waiter) wake() {
	if w.open() != nil {
		return
	}
	// In this order: a wait that misses the first finds the second.
	w.woken.Store(true)
	w.deadline.Store(true)
	w.file.SetReadDeadline(time.Unix(1, 0)) // fails after close, when nobody waits
}

// pendingError takes what waits at the socket: ENETDOWN when its interface went
// down or away.
//
// It is asked for after each block, and answered at once: as a raw system call,
// since any other one of a thread that has just woken up wakes the runtime's
// monitor thread, too, which costs more than a block.
func (w *waiter) pendingError() error {
	var value int32
	size := uint32(unsafe.Sizeof(value))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(w.fd), unix.SOL_SOCKET, unix.SO_ERROR,
		uintptr(unsafe.Pointer(&value)), uintptr(unsafe.Pointer(&size)), 0)
	if errno == 0 {
		errno = unix.Errno(value)
	}
	if errno == 0 {
		return nil
	}
	return os.NewSyscallError("poll", errno)
}

func (w *waiter) close() error {
	if w.file == nil {
		return os.NewSyscallError("close", unix.Close(w.fd))
	}
	return w.file.Close()
}

// pending reports whether there is something to read.
func (r *Rx) pending() bool { return r.cursor.ready() }

// Wait blocks until there is a frame to read, until Wake or Close, or until the
// given time; the zero time means for ever. It may return early. Errors:
// net.ErrClosed; *os.SyscallError around ENETDOWN when the interface went
// down, once, after which waiting goes on with the next call and frames come again
// when it is up, unless it is gone: see Gone.
func (r *Rx) Wait(until time.Time) error {
	if err := r.gate.enter(); err != nil {
		return err
	}
	defer r.gate.leave()
	if err := r.waiter.wait(until); err != nil {
		return err
	}
	r.gate.mu.Lock()
	defer r.gate.mu.Unlock()
	if r.gate.closing {
		return net.ErrClosed
	}
	return nil
}

// Gone reports whether the socket's interface was deleted, or moved to another
// namespace. No frame comes any more then, not even if it comes back by the same
// name: the socket has to be bound again. Wait tells of an interface that goes
// down at the latest on its way to that, but may do so before it is gone: ask
// again, or listen to rtnetlink(7). Errors: net.ErrClosed, *os.SyscallError.
func (r *Rx) Gone() (bool, error) {
	if err := r.gate.enter(); err != nil {
		return false, err
	}
	defer r.gate.leave()
	// packet_notifier in net/packet/af_packet.c sets the index.
	sa, err := unix.Getsockname(r.waiter.fd)
	if err != nil {
		return false, os.NewSyscallError("getsockname", err)
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	return ok && ll.Ifindex == -1, nil
}

// Wake makes the Wait in progress, or else the next one, return at once.
func (r *Rx) Wake() {
	if r.gate.enter() == nil {
		r.waiter.wake()
		r.gate.leave()
	}
}
