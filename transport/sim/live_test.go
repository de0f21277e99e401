// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

// serve answers what h receives until h is closed.
func serve(t *testing.T, h *sim.Transport, seen *int) {
	a := &answerer{q: h.Queues()[0]}
	for {
		n, err := a.q.Recv(a, 64)
		if err == nil && n == 0 {
			err = a.q.Wait(time.Time{})
		}
		if errors.Is(err, net.ErrClosed) {
			*seen = a.seen
			return
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

func TestLiveNodesTalkOnGoroutinesOfTheirOwn(t *testing.T) {
	p := newPair(t, &sim.Config{Live: true, Seed: 1}, &sim.LinkConfig{
		Delay: 50 * time.Microsecond, Jitter: 50 * time.Microsecond, Duplicate: 0.01, Reorder: 0.1, ReorderDelay: 1000,
	})
	p.n.Tap(func(sim.Trace) {})
	var wg sync.WaitGroup
	var seenA, seenB int
	wg.Go(func() { serve(t, p.ta, &seenA) })
	wg.Go(func() { serve(t, p.tb, &seenB) })
	second := open(t, p.a, nil) // sends beside them
	check(t, second.Unbind(proto))
	for i := range 500 {
		check(t, send(t, second, ip4(addrA, addrB, 60+i)))
		p.link.Stats()
		second.Interfaces()
		if i%100 == 50 {
			p.link.SetUp(false)
			p.link.SetUp(true)
		}
	}
	for {
		if f, _ := p.link.Stats(); f.Delivered > 1000 {
			break
		}
		time.Sleep(time.Millisecond)
		check(t, send(t, second, ip4(addrA, addrB, 60)))
	}
	check(t, p.n.Close())
	wg.Wait()
	if seenA == 0 || seenB == 0 {
		t.Errorf("a received %d packets, b %d", seenA, seenB)
	}
}

func TestInABubbleDelaysAreExactAndTakeNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, &sim.Config{Live: true}, &sim.LinkConfig{Delay: time.Hour, Rate: 8e6})
		start := time.Now()
		var seen int
		done := make(chan struct{})
		go func() { defer close(done); serve(t, p.tb, &seen) }()
		q := p.ta.Queues()[0]
		for i := range 10 {
			before := time.Now()
			check(t, send(t, p.ta, ip4(addrA, addrB, 1000)))
			if err := q.Wait(time.Time{}); err != nil {
				t.Fatal(err)
			}
			want := 2*time.Hour + 2*time.Millisecond
			if d := time.Since(before); d != want {
				t.Fatalf("round trip %d took %v, want %v", i, d, want)
			}
			got := packets(receive(t, p.ta))
			if len(got) != 1 || !got[0].at.Equal(time.Now()) || !p.n.Now().Equal(time.Now()) {
				t.Fatalf("received %d packets, the network's time is %v", len(got), p.n.Now())
			}
		}
		before := time.Now()
		check(t, q.Wait(before.Add(time.Minute)))
		if d := time.Since(before); d != time.Minute {
			t.Errorf("Wait took %v", d)
		}
		check(t, q.Wait(before)) // past
		check(t, p.n.Close())
		<-done
		if d := time.Since(start); seen != 10 || d != 20*time.Hour+20*time.Millisecond+time.Minute {
			t.Errorf("%d packets in %v", seen, d)
		}
	})
}

func TestInABubbleCloseWaitsForTheDeliveryAndUnbindDoesNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, &sim.Config{Live: true}, nil)
		check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
		check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
		q := p.tb.Queues()[0]
		inside, release := make(chan struct{}), make(chan struct{})
		go func() {
			_, err := q.Recv(sinkFunc(func(*transport.Packet) { close(inside); <-release }), 10)
			if err != nil {
				t.Error(err)
			}
		}()
		<-inside
		check(t, p.tb.Unbind(proto))
		closed := make(chan struct{})
		go func() { defer close(closed); check(t, p.tb.Close()) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close returned during the delivery")
		default:
		}
		close(release)
		<-closed
		if s := p.tb.Stats(); s.Delivered != 1 || s.Dropped[transport.Closed] != 1 {
			t.Errorf("%+v", s)
		}
		check(t, p.n.Close())
	})
}
