// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

// A probe is a testing.TB whose failure is a finding and not the end of the
// test.
type probe struct {
	testing.TB
	quiet bool // its networks are not watched: they are too many
	ctx   context.Context

	mu       sync.Mutex
	failed   bool
	skipped  bool
	log      strings.Builder
	cleanups []func()
}

// run calls f with p, on a goroutine of its own, in a bubble if asked to.
func (p *probe) run(bubbled bool, f func(tb testing.TB)) {
	body := func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			// That of the test belongs to no bubble.
			var cancel context.CancelFunc
			p.ctx, cancel = context.WithCancel(context.Background())
			p.protect(func() { f(p) })
			cancel()
			for {
				c := p.lastCleanup()
				if c == nil {
					break
				}
				p.protect(c)
			}
		}()
		<-done
	}
	if !bubbled {
		body()
		return
	}
	defer func() {
		if v := recover(); v != nil { // the bubble is deadlocked
			p.Errorf("panic: %v", v)
		}
	}()
	synctest.Test(new(testing.T), func(*testing.T) { body() })
}

// protect calls f, for which a panic is a failure, on a goroutine that goes on
// after FailNow.
func (p *probe) protect(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				p.Errorf("panic: %v\n%s", v, debug.Stack())
			}
		}()
		f()
	}()
	<-done
}

func (p *probe) lastCleanup() (f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.cleanups); n > 0 {
		f, p.cleanups = p.cleanups[n-1], p.cleanups[:n-1]
	}
	return f
}

func (p *probe) note(failed bool, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = p.failed || failed
	p.log.WriteString(strings.TrimSuffix(text, "\n") + "\n")
}

// Context returns a context that ends before the functions given to Cleanup
// are called.
func (p *probe) Context() context.Context { return p.ctx }

func (p *probe) Cleanup(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cleanups = append(p.cleanups, f)
}

func (p *probe) Failed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

func (p *probe) Skipped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.skipped
}

func (p *probe) stop(skip bool) {
	p.mu.Lock()
	p.failed = p.failed || !skip
	p.skipped = p.skipped || skip
	p.mu.Unlock()
	runtime.Goexit()
}

func (p *probe) Fail()                     { p.note(true, "") }
func (p *probe) FailNow()                  { p.stop(false) }
func (p *probe) Log(a ...any)              { p.note(false, fmt.Sprintln(a...)) }
func (p *probe) Logf(f string, a ...any)   { p.note(false, fmt.Sprintf(f, a...)) }
func (p *probe) Error(a ...any)            { p.note(true, fmt.Sprintln(a...)) }
func (p *probe) Errorf(f string, a ...any) { p.note(true, fmt.Sprintf(f, a...)) }
func (p *probe) Fatal(a ...any)            { p.note(true, fmt.Sprintln(a...)); p.stop(false) }
func (p *probe) Fatalf(f string, a ...any) { p.note(true, fmt.Sprintf(f, a...)); p.stop(false) }
func (p *probe) Skip(a ...any)             { p.note(false, fmt.Sprintln(a...)); p.stop(true) }
func (p *probe) Skipf(f string, a ...any)  { p.note(false, fmt.Sprintf(f, a...)); p.stop(true) }
func (p *probe) SkipNow()                  { p.stop(true) }
func (p *probe) Helper()                   {}
