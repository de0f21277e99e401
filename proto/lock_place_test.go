// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
)

func TestTheLoopsWayExcludesAndLosesNobody(t *testing.T) {
	var place loopPlace
	locks := make([]loopLock, 3)
	inside := make([]atomic.Int32, len(locks))
	counts := make([]int, len(locks))
	for i := range locks {
		locks[i].init(&place)
	}
	visit := func(k int, yield bool) {
		if inside[k].Add(1) != 1 {
			t.Error("two are inside")
		}
		if !locks[k].locked() {
			t.Error("a lock that is held is not locked")
		}
		counts[k]++
		if yield {
			runtime.Gosched()
		}
		inside[k].Add(-1)
	}
	var others sync.WaitGroup
	for g := range 6 {
		others.Go(func() {
			for i := range 5_000 {
				k := (g + i) % len(locks)
				locks[k].lock()
				visit(k, i%4 == 0)
				locks[k].unlock()
			}
		})
	}
	done := make(chan struct{})
	go func() { others.Wait(); close(done) }()
	var at *loopLock
	entered, rng := 0, rand.New(rand.NewPCG(1, 2))
	for over := false; !over || entered < 20_000; entered++ {
		k := rng.IntN(len(locks)) // now and then where it is already
		place.move(at, &locks[k])
		at = &locks[k]
		visit(k, rng.IntN(4) == 0)
		if rng.IntN(16) == 0 {
			place.move(at, nil)
			at = nil
		}
		select {
		case <-done:
			over = true
		default:
		}
	}
	place.move(at, nil)
	sum := 0
	for i := range locks {
		sum += counts[i]
		if locks[i].locked() {
			t.Errorf("lock %d is locked in the end", i)
		}
	}
	if want := 30_000 + entered; sum != want {
		t.Errorf("%d of %d", sum, want)
	}
}

func TestTheOnlyLoopHasAWayOfItsOwn(t *testing.T) {
	for _, queues := range []int{1, 2} {
		h := &Host{queues: make([]*queue, queues)}
		for i := range h.queues {
			h.queues[i] = &queue{h: h, index: i}
		}
		h.placeLoops()
		b, err := h.newBinding(HandlerFunc(func(*Env, *Packet) error { return nil }), &Options{AnyProtocol: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := b.lock.loop != nil; got != (queues == 1) {
			t.Errorf("%d queues: %v", queues, got)
		}
	}
}

func TestWhoWantsTheLoopsLockWaitsForItAndItForThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var place loopPlace
		var a, b loopLock
		a.init(&place)
		b.init(&place)
		start := time.Now()
		elapsed := func(what string, want time.Duration) {
			t.Helper()
			if d := time.Since(start); d != want {
				t.Errorf("%s after %v, want %v", what, d, want)
			}
		}
		var wg sync.WaitGroup
		place.move(nil, &a)
		wg.Go(func() {
			a.lock()
			elapsed("the loop left a", time.Hour)
			time.Sleep(time.Hour)
			a.unlock()
		})
		wg.Go(func() {
			b.lock()
			elapsed("b was free", 0)
			time.Sleep(90 * time.Minute)
			b.unlock()
		})
		time.Sleep(time.Hour)
		place.move(&a, &b)
		elapsed("the loop had b", 90*time.Minute)
		place.move(&b, &a)
		elapsed("the loop had a again", 2*time.Hour)
		place.move(&a, nil)
		wg.Wait()
		if a.locked() || b.locked() {
			t.Error("locked in the end")
		}
	})
}

// TestATokenOfBeforeLetsNobodyIn has tokens left over from waits that have ended.
func TestATokenOfBeforeLetsNobodyIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var place loopPlace
		var l loopLock
		l.init(&place)
		place.move(nil, &l)
		token(l.gone)
		token(l.wake)
		var in atomic.Int32
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				l.lock()
				in.Add(1)
				l.unlock()
			})
		}
		synctest.Wait()
		if n := in.Load(); n != 0 {
			t.Errorf("%d came in while the loop was there", n)
		}
		place.move(&l, &l) // the others are let in first
		if n := in.Load(); n == 0 {
			t.Error("nobody came in when the loop left and came back")
		}
		place.move(&l, nil)
		wg.Wait()
	})
}

// TestAChangeOfBindingsTouchesFewLines keeps what a loop touches of each binding
// within two lines of 64 bytes, of which the allocator takes 8 bytes, and what it
// writes for each queue apart.
func TestAChangeOfBindingsTouchesFewLines(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("it is laid out for 64 bits")
	}
	var b Binding
	if end := unsafe.Offsetof(b.timers) + unsafe.Offsetof(b.timers.h) + 2*unsafe.Sizeof(uintptr(0)); end > 2*64-8 {
		t.Errorf("they end at byte %d", end)
	}
	if n := unsafe.Sizeof(Env{}); n != 64 {
		t.Errorf("an Env has %d bytes", n)
	}
}

// BenchmarkLoopMoves is how a loop changes from one lock to another.
func BenchmarkLoopMoves(b *testing.B) {
	var place loopPlace
	var locks [2]loopLock
	locks[0].init(&place)
	locks[1].init(&place)
	place.move(nil, &locks[1])
	for i := 0; b.Loop(); i++ {
		place.move(&locks[^i&1], &locks[i&1])
	}
}
