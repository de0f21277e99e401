// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"protean/transport"
)

// A trial is one run of one subtest with its own pair of transports. Its body
// runs on a goroutine of its own, so that one that hangs can be reported.
type trial struct {
	tb   testing.TB
	cfg  Config
	v6   bool
	a, b Endpoint // under test, and its peer
	caps transport.Caps
	tag  [tagLen]byte // marks the packets of this trial
	seq  uint32       // of the last packet made

	helpers sync.WaitGroup

	mu    sync.Mutex // guards what follows
	over  bool       // nothing may be reported any more
	at    string     // the step that is running
	since time.Time  // when it began
}

// try runs body with a fresh pair.
func try(t *testing.T, cfg Config, v6 bool, body func(x *trial)) {
	if !cfg.Parallel {
		CheckLeaks(t)
	}
	pair := cfg.Make(t)
	x := &trial{tb: t, cfg: cfg, v6: v6, a: pair.A, b: pair.B, caps: pair.A.Transport.Caps()}
	for i := range x.tag {
		x.tag[i] = byte(rand.Uint32())
	}
	// Close goes last, and also ends helpers that a failed body left waiting.
	x.watch("the subtest", func() { body(x) })
	x.watch("closing both transports at the end", x.closeBoth)
	x.watch("the subtest's goroutines after Close", x.helpers.Wait)
	x.mu.Lock()
	x.over = true
	x.mu.Unlock()
}

// closeBoth closes both at once: what closing waits for in the kernel is waited
// for once.
func (x *trial) closeBoth() {
	var errs [2]error
	done := x.helper(func() { errs[1] = x.b.Transport.Close() })
	errs[0] = x.a.Transport.Close()
	<-done
	for _, err := range errs {
		if err != nil {
			x.errorf("Close: %v", err)
		}
	}
}

// watch runs f and returns when f has ended or when one of its steps took
// longer than the watchdog allows.
func (x *trial) watch(name string, f func()) {
	x.step("%s", name)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer x.contain()
		f()
	}()
	patience := x.cfg.Watchdog
	if x.tb.Failed() {
		patience /= 8 // it has been reported that something hangs
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-done:
			return
		case <-timer.C:
		}
		x.mu.Lock()
		left := patience - time.Since(x.since)
		at := x.at
		x.mu.Unlock()
		if left <= 0 {
			x.errorf("stuck for %v: %s\n\n%s", patience, at, stacks())
			return
		}
		timer.Reset(left)
	}
}

// step names what is done from now on, and gives it the watchdog's full time.
func (x *trial) step(format string, args ...any) {
	at := fmt.Sprintf(format, args...)
	x.mu.Lock()
	x.at, x.since = at, time.Now()
	x.mu.Unlock()
}

// helper runs f on another goroutine. The channel is closed when f has ended.
func (x *trial) helper(f func()) <-chan struct{} {
	done := make(chan struct{})
	x.helpers.Add(1)
	go func() {
		defer x.helpers.Done()
		defer close(done)
		defer x.contain()
		f()
	}()
	return done
}

// await waits for what a helper does.
func (x *trial) await(done <-chan struct{}, format string, args ...any) {
	x.step(format, args...)
	<-done
}

// contain reports a panic of the goroutine as a failure of the subtest, so
// that the others still run.
func (x *trial) contain() {
	if v := recover(); v != nil {
		x.errorf("panic: %v\n\n%s", v, debug.Stack())
	}
}

// errorf reports a failure, and ends the goroutine instead if the subtest is
// over.
func (x *trial) errorf(format string, args ...any) {
	x.tb.Helper()
	x.mu.Lock()
	if x.over {
		x.mu.Unlock()
		runtime.Goexit()
	}
	defer x.mu.Unlock()
	x.tb.Errorf(format, args...)
}

// fatalf reports a failure and ends the goroutine that calls it: the body, or
// a helper.
func (x *trial) fatalf(format string, args ...any) {
	x.tb.Helper()
	x.errorf(format, args...)
	runtime.Goexit()
}

// leftOut says why a part of a subtest that Caps do not rule out cannot be
// done with this pair.
func (x *trial) leftOut(why string) {
	x.tb.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.over {
		x.tb.Logf("left out: %s", why)
	}
}

// noerr fails if err is not nil.
func (x *trial) noerr(err error, format string, args ...any) {
	x.tb.Helper()
	if err != nil {
		x.fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}
