// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netns_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"protean/transport/internal/netns"
	"protean/transport/netlab"
)

func newNamespace(t *testing.T) *netns.Handle {
	t.Helper()
	netlab.Require(t)
	h, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// here returns the calling thread's namespace.
func here(t *testing.T) netns.ID {
	t.Helper()
	h, err := netns.Current()
	if err != nil {
		t.Error(err)
		return netns.ID{}
	}
	defer h.Close()
	return h.ID()
}

// allThreadsAt checks that every thread of this process, and so each that a
// goroutine could be given, is in one namespace.
func allThreadsAt(t *testing.T, want netns.ID) {
	t.Helper()
	threads, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads %v, %v", threads, err)
	}
	for _, thread := range threads {
		if target, err := os.Readlink(thread); err == nil && target != want.String() {
			t.Errorf("%s is %s, want %v", thread, target, want)
		}
	}
}

func TestDoRunsInTheNamespaceAndComesBack(t *testing.T) {
	h, home := newNamespace(t), here(t)
	if h.ID() == home {
		t.Fatal("a new namespace is the old one")
	}
	failure := errors.New("from f")
	err := h.Do(func() error {
		if got := here(t); got != h.ID() {
			t.Errorf("inside, the namespace is %v, want %v", got, h.ID())
		}
		return failure
	})
	if err != failure {
		t.Errorf("error %v, want the function's own", err)
	}
	allThreadsAt(t, home)
}

// openIn opens a socket in h and checks, outside, where it is.
func openIn(h *netns.Handle) error {
	var fd int
	err := h.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	ns, err := unix.IoctlRetInt(fd, unix.SIOCGSKNS)
	if err != nil {
		return os.NewSyscallError("ioctl SIOCGSKNS", err)
	}
	defer unix.Close(ns)
	var st unix.Stat_t
	if err := unix.Fstat(ns, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if st.Ino != h.ID().Ino {
		return fmt.Errorf("the socket is in net:[%d], want %v", st.Ino, h.ID())
	}
	return nil
}

func TestSocketsStayWhereTheyWereOpened(t *testing.T) {
	if err := openIn(newNamespace(t)); err != nil {
		t.Error(err)
	}
}

func TestOpensInTwoNamespacesAtOnce(t *testing.T) {
	home := here(t)
	handles := []*netns.Handle{newNamespace(t), newNamespace(t)}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				if err := openIn(handles[i%2]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	allThreadsAt(t, home)
}

func TestVisitsNest(t *testing.T) {
	outer, inner, home := newNamespace(t), newNamespace(t), here(t)
	err := outer.Do(func() error {
		err := inner.Do(func() error {
			if got := here(t); got != inner.ID() {
				t.Errorf("in the inner one: %v", got)
			}
			return nil
		})
		if got := here(t); got != outer.ID() {
			t.Errorf("back in the outer one: %v", got)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	allThreadsAt(t, home)
}

func TestAPanicComesOutAndTheThreadGoesBack(t *testing.T) {
	h, home := newNamespace(t), here(t)
	failure := errors.New("boom")
	func() {
		defer func() {
			err, _ := recover().(error)
			var p *netns.PanicError
			if !errors.As(err, &p) || p.Value != failure || !errors.Is(err, failure) || len(p.Stack) == 0 {
				t.Errorf("recovered %v, want a PanicError around %v", err, failure)
			}
		}()
		h.Do(func() error { panic(failure) })
		t.Error("Do returned")
	}()
	allThreadsAt(t, home)
}

func TestGoexitComesOutAndTheThreadGoesBack(t *testing.T) {
	h, home := newNamespace(t), here(t)
	ended := make(chan bool, 1)
	go func() {
		returned := false
		defer func() { ended <- returned }()
		h.Do(func() error { runtime.Goexit(); return nil })
		returned = true
	}()
	if <-ended {
		t.Error("Do returned after Goexit")
	}
	allThreadsAt(t, home)
}

func TestNothingIsNeededToStay(t *testing.T) {
	current, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	defer current.Close()
	result := make(chan error, 1)
	go func() {
		// Capabilities belong to the thread, which ends with the goroutine.
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil {
			result <- err
			return
		}
		thread := unix.Gettid()
		result <- current.Do(func() error {
			if unix.Gettid() != thread {
				return errors.New("f runs on another thread")
			}
			return nil
		})
	}()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestAThreadThatCannotGoBackIsDestroyed(t *testing.T) {
	h, home := newNamespace(t), here(t)
	var thread int
	err := h.Do(func() error {
		thread = unix.Gettid()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		return unix.Capset(&header, &none[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	// The kernel takes a moment to remove it.
	for unix.Tgkill(os.Getpid(), thread, 0) == nil {
		runtime.Gosched()
	}
	allThreadsAt(t, home)
}

func TestTheMainThreadNeverMoves(t *testing.T) {
	h := newNamespace(t)
	for range 200 {
		err := h.Do(func() error {
			if unix.Gettid() == os.Getpid() {
				return errors.New("f runs on the main thread")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestHandlesAreOpenedDuplicatedAndClosed(t *testing.T) {
	h := newNamespace(t)
	again, err := netns.Open(h.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	dup, err := h.Dup()
	if err != nil {
		t.Fatal(err)
	}
	defer dup.Close()
	if again.ID() != h.ID() || dup.ID() != h.ID() {
		t.Errorf("%v opened again is %v and duplicated %v", h.ID(), again.ID(), dup.ID())
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := h.Do(func() error { return nil }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Do after Close: %v, want os.ErrClosed", err)
	}
	if _, err := h.Dup(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Dup after Close: %v, want os.ErrClosed", err)
	}
	if err := dup.Do(func() error { return nil }); err != nil {
		t.Errorf("the duplicate: %v", err)
	}
	if err := netns.Do(dup.Path(), func() error {
		if got := here(t); got != dup.ID() {
			t.Errorf("by path: %v, want %v", got, dup.ID())
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotANamespaceIsRefused(t *testing.T) {
	for _, path := range []string{"/proc/self/ns/uts", "/proc/self/status", "/", "/dev/null"} {
		if h, err := netns.Open(path); err == nil {
			h.Close()
			t.Errorf("%s is accepted", path)
		}
	}
	if _, err := netns.Open("/run/netns/no-such-name"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing path: %v, want os.ErrNotExist", err)
	}
	ran := false
	if err := netns.Do("", func() error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("the empty path: ran %v, %v", ran, err)
	}
}
