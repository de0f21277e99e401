// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newWaiter returns one that has nothing to wait for but wakes.
func newWaiter(t *testing.T) *waiter {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	w := new(waiter)
	w.init(fds[0], func() bool { return false })
	t.Cleanup(func() {
		w.close()
		unix.Close(fds[1])
	})
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestAWakeThatMeetsAWaitDoesNotEndAllLaterOnes: one that wait comes between leaves
// its deadline, and no flag. Nothing may be missed for that either.
func TestAWakeThatMeetsAWaitDoesNotEndAllLaterOnes(t *testing.T) {
	w := newWaiter(t)
	// wake, up to where it sets the deadline.
	w.woken.Store(true)
	w.deadline.Store(true)
	if err := w.wait(time.Time{}); err != nil {
		t.Fatal(err)
	}
	w.file.SetReadDeadline(time.Unix(1, 0)) // the rest
	if err := w.wait(time.Time{}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- w.wait(time.Time{}) }()
	select {
	case err := <-ended:
		t.Errorf("a wait ended by itself: %v", err)
		return
	case <-time.After(100 * time.Millisecond):
	}
	w.wake()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestEachWakeEndsAWait also counts how many of them end more than one: a wait may
// return early, but not again and again.
func TestEachWakeEndsAWait(t *testing.T) {
	w := newWaiter(t)
	const wakes = 20000
	var told, seen, waits atomic.Int64
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil && seen.Load() < wakes {
			err = w.wait(time.Time{})
			seen.Store(told.Load())
			waits.Add(1)
		}
		ended <- err
	}()
	for n := range int64(wakes) {
		told.Store(n + 1)
		w.wake()
		for begun := time.Now(); n%8 == 0 && seen.Load() <= n; runtime.Gosched() { // the others meet one that is under way
			if time.Since(begun) > 20*time.Second {
				t.Fatal("a wake is lost")
			}
		}
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a wake is lost")
	}
	// What a wake ends is at most the wait it meets and the one after it.
	if n := waits.Load(); n > 2*wakes {
		t.Errorf("%d waits ended by %d wakes", n, wakes)
	}
}
