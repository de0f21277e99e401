// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

// bubbleConfig is a network in a bubble, which wants no reports.
func bubbleConfig(t *testing.T) *sim.Config {
	return &sim.Config{Live: true, Seed: 1, Barrier: synctest.Wait, Report: func(err error) { t.Error(err) }}
}

func TestInABubbleSettleReturnsWhenNothingIsLeftToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, bubbleConfig(t), nil)
		var seen int
		done := make(chan struct{})
		go func() { defer close(done); serve(t, p.tb, &seen) }()
		for range 10 {
			check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
		}
		check(t, p.n.Settle())
		if got := packets(receive(t, p.ta)); len(got) != 10 || !p.n.Now().Equal(time.Now()) {
			t.Errorf("%d answers at rest", len(got))
		}
		check(t, p.n.Close())
		<-done
		if err := p.n.Settle(); !errors.Is(err, net.ErrClosed) || seen != 10 {
			t.Errorf("Settle after Close: %v; %d packets seen", err, seen)
		}
	})
}

func TestSettleNeedsABarrier(t *testing.T) {
	n := sim.New(nil)
	var unsupported *transport.UnsupportedError
	if err := n.Settle(); !errors.As(err, &unsupported) {
		t.Error(err)
	}
	n = sim.New(&sim.Config{Barrier: func() {}})
	var bad *sim.ConfigError
	if _, err := n.Node("a"); !errors.As(err, &bad) || bad.Field != "Barrier" {
		t.Error(err)
	}
}

// Whatever is due at one instant on several handles happens in the order of
// the handles, one at a time, whoever asked for it first.
func TestInABubbleSameInstantsHaveAnOrder(t *testing.T) {
	play := func(t *testing.T) (order []string) {
		n := sim.New(bubbleConfig(t))
		var mu sync.Mutex
		note := func(s string) { mu.Lock(); defer mu.Unlock(); order = append(order, s) }
		var wg sync.WaitGroup
		at := time.Now().Add(time.Second)
		for i := range 20 {
			h := open(t, mustNode(t)(n.Node(fmt.Sprintf("n%02d", i))), nil)
			timer := h.NewTimer(func() { note(h.String() + " timer") })
			wg.Go(func() {
				timer.Reset(at)
				check(t, h.Queues()[0].Wait(at))
				note(h.String() + " wait")
				h.Queues()[0].Wake()
				check(t, h.Queues()[0].Wait(time.Time{}))
				note(h.String() + " wake")
			})
		}
		wg.Wait()
		check(t, n.Close())
		if !time.Now().Equal(at) {
			t.Errorf("it took until %v, want %v", time.Now(), at)
		}
		return order
	}
	var want []string
	for i := range 20 {
		for _, what := range []string{"timer", "wait", "wake"} {
			want = append(want, fmt.Sprintf("n%02d#1 %s", i, what))
		}
	}
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			if got := play(t); !slices.Equal(got, want) {
				t.Fatalf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// Timers of one handle that are armed at one instant, by goroutines that run in
// no order, expire in the order in which they were made.
func TestInABubbleTimersArmedTogetherHaveAnOrder(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, bubbleConfig(t), nil)
			var got, want []int
			for i := range 20 {
				timer := p.ta.NewTimer(func() { got = append(got, i) })
				want = append(want, i)
				go timer.Reset(time.Now().Add(time.Second))
			}
			time.Sleep(2 * time.Second)
			check(t, p.n.Settle())
			if !slices.Equal(got, want) {
				t.Fatalf("expired in the order %v", got)
			}
		})
	}
}

func TestInABubbleATimerCanBeStoppedAndArmedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, bubbleConfig(t), nil)
		var mu sync.Mutex
		var fired []time.Duration
		start := time.Now()
		fire := func() {
			mu.Lock()
			defer mu.Unlock()
			fired = append(fired, time.Since(start))
		}
		timer := p.ta.NewTimer(fire)
		timer.Reset(start.Add(time.Second))
		timer.Stop()
		time.Sleep(2 * time.Second)
		timer.Reset(start.Add(5 * time.Second))
		timer.Reset(start.Add(4 * time.Second))
		time.Sleep(10 * time.Second)
		timer.Reset(start) // past
		check(t, p.n.Settle())
		if want := []time.Duration{4 * time.Second, 12 * time.Second}; !slices.Equal(fired, want) {
			t.Errorf("expired after %v, want %v", fired, want)
		}
		// The network can go, but not what somebody waits for.
		timer.Reset(time.Now().Add(time.Second))
		check(t, p.n.Close())
		p.tb.NewTimer(fire).Reset(time.Time{})
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if len(fired) != 4 || fired[2] != 12*time.Second || fired[3] != 13*time.Second {
			t.Errorf("after Close: %v", fired)
		}
	})
	if timer := newPair(t, nil, nil).ta.NewTimer(func() {}); timer != nil {
		t.Error("a stepped network has timers of its own")
	}
}

func TestInABubbleConcurrentSendsOnOneHandleAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reports []error
		cfg := bubbleConfig(t)
		cfg.Report = func(err error) { reports = append(reports, err) }
		p := newPair(t, cfg, nil)
		a := func() { check(t, send(t, p.ta, ip4(addrA, addrB, 60))) }
		b := func() { check(t, send(t, p.tb, ip4(addrB, addrA, 60))) }
		for range 100 {
			go a() // beside another handle's
			go b()
			check(t, p.n.Settle())
			go a() // after another's
			check(t, p.n.Settle())
			handed := make(chan bool)
			go func() { a(); handed <- true; <-handed; a() }()
			go func() { <-handed; a(); b(); handed <- true }()
			check(t, p.n.Settle())
		}
		if len(reports) != 0 {
			t.Fatal(reports)
		}
		go a()
		go a()
		check(t, p.n.Settle())
		var e *sim.ConcurrentError
		if len(reports) != 1 || !errors.As(reports[0], &e) || e.Handle != "a#1" || !e.Time.Equal(time.Now()) {
			t.Fatal(reports)
		}
		if n := strings.Count(e.Error(), "TestInABubbleConcurrentSends"); n < 2 {
			t.Errorf("the report does not say where the two are:\n%v", e)
		}
	})
}

func TestInABubbleALoopWithoutEndIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reports []error
		cfg := bubbleConfig(t)
		cfg.MaxSteps = 1000
		cfg.Report = func(err error) { reports = append(reports, err) }
		p := newPair(t, cfg, nil) // no delay
		var wg sync.WaitGroup
		var seen [2]int
		wg.Go(func() { serve(t, p.ta, &seen[0]) })
		wg.Go(func() { serve(t, p.tb, &seen[1]) })
		check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
		wg.Wait() // both are told that the network is closed
		var e *sim.LivelockError
		if len(reports) != 1 || !errors.As(reports[0], &e) || e.Steps != 1001 {
			t.Errorf("%v", reports)
		}
	})
}

func TestWithoutReportCloseTellsWhatWentWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := sim.New(&sim.Config{Live: true, Barrier: synctest.Wait})
		h := open(t, mustNode(t)(n.Node("a")), nil)
		b := ip4(addrA, addrA, 60)
		copy(b[12:], []byte{127, 0, 0, 1, 127, 0, 0, 1})
		go func() { check(t, send(t, h, b)) }()
		go func() { check(t, send(t, h, b)) }()
		check(t, n.Settle())
		var e *sim.ConcurrentError
		if err := n.Close(); !errors.As(err, &e) {
			t.Error(err)
		}
	})
}
