// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLockExcludesAndLosesNobody(t *testing.T) {
	var l loopLock
	l.init(nil)
	var wg sync.WaitGroup
	n := 0
	for range 8 {
		wg.Go(func() {
			for range 10_000 {
				l.lock()
				n++
				l.unlock()
			}
		})
	}
	wg.Wait()
	if n != 80_000 || l.locked() {
		t.Errorf("n = %d, want 80000; locked: %v", n, l.locked())
	}
}

func TestWaitingForTheLockLetsVirtualTimePass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l loopLock
		l.init(nil)
		l.lock()
		start := time.Now()
		go func() {
			time.Sleep(time.Hour)
			l.unlock()
		}()
		l.lock()
		if d := time.Since(start); d != time.Hour {
			t.Errorf("waited %v, want 1h of virtual time", d)
		}
	})
}

func TestTimerHeapRunsInOrderOfTimeThenOfArming(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h timerHeap
	timers := make([]*Timer, 500)
	for i := range timers {
		timers[i] = &Timer{pos: -1}
	}
	for range 5000 {
		x := timers[rng.IntN(len(timers))]
		if x.pos >= 0 && rng.IntN(3) == 0 {
			h.remove(x)
			continue
		}
		h.arm(x, rng.Int64N(50))
	}
	armed := 0
	for _, x := range timers {
		if x.pos >= 0 {
			armed++
		}
	}
	var last *Timer
	for x := h.pop(never, h.seq); x != nil; x = h.pop(never, h.seq) {
		armed--
		if x.pos != -1 {
			t.Fatal("a timer that ran is still armed")
		}
		if last != nil && !h.less(last, x) {
			t.Fatalf("(%d, %d) ran after (%d, %d)", x.due, x.seq, last.due, last.seq)
		}
		last = x
	}
	if armed != 0 || h.next() != never {
		t.Errorf("%d timers lost, next %d", armed, h.next())
	}
}

func TestTimerHeapLeavesWhatWasArmedInThisPass(t *testing.T) {
	var h timerHeap
	a, b := &Timer{pos: -1}, &Timer{pos: -1}
	h.arm(a, 5)
	pass := h.seq
	h.arm(b, 5)
	if got := h.pop(5, pass); got != a {
		t.Fatalf("popped %p, want the first", got)
	}
	if got := h.pop(5, pass); got != nil {
		t.Error("a timer armed during the pass ran in it")
	}
	if got := h.pop(5, h.seq); got != b {
		t.Error("the timer did not run in the next pass")
	}
}

func BenchmarkLock(b *testing.B) {
	var l loopLock
	l.init(nil)
	for b.Loop() {
		l.lock()
		l.unlock()
	}
}

func BenchmarkOnLoop(b *testing.B) {
	for b.Loop() {
		onLoop()
	}
}
