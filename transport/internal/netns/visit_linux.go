// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netns

import (
	"os"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// outcome is how a visit ended: exactly one of an ordinary return (with err),
// a panic, or runtime.Goexit.
type outcome struct {
	err      error
	panicked *PanicError
	returned bool
}

// visit runs enter, which changes the thread's network namespace, and then f,
// on a thread of their own, and puts the thread back.
//
// A goroutine of its own is used, not the caller's, because going back can be
// refused: a process in a user namespace of its own may create a network
// namespace and still have no right to the one it came from. Such a thread is
// given up, by ending its goroutine locked, and the caller does not notice.
func visit(enter, f func() error) error {
	done := make(chan outcome, 1)
	go offMainThread(func() {
		var out outcome
		// Sent last: the thread is back in its namespace, or lost to the
		// runtime, before the caller goes on.
		defer func() { done <- out }()
		origin, err := Current()
		if err != nil {
			out = outcome{err: err, returned: true}
			runtime.UnlockOSThread()
			return
		}
		defer origin.Close()
		if err := enter(); err != nil {
			// Refused, so nothing has changed.
			out = outcome{err: err, returned: true}
			runtime.UnlockOSThread()
			return
		}
		defer func() {
			if origin.control(func(fd int) error { return unix.Setns(fd, unix.CLONE_NEWNET) }) == nil {
				runtime.UnlockOSThread()
			}
		}()
		defer func() {
			if v := recover(); v != nil {
				out.panicked = &PanicError{Value: v, Stack: debug.Stack()}
			}
		}()
		out.err = f()
		out.returned = true
	})
	out := <-done
	switch {
	case out.panicked != nil:
		panic(out.panicked)
	case !out.returned:
		runtime.Goexit()
	}
	return out.err
}

// offMainThread runs f locked to a thread that is not the main one; f unlocks
// it, or leaves that out to have the thread destroyed. The runtime cannot
// destroy the main thread, and parks it for good instead.
func offMainThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		f()
		return
	}
	// While this goroutine holds the main thread, another cannot get it.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		f()
	}()
	<-ended
	runtime.UnlockOSThread()
}
