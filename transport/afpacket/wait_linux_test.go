// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"math"
	"testing"
	"time"

	"protean/ring/sysmon"
	"protean/transport/internal/pace"
	"protean/transport/netlab"
)

// TestWaitReturnsWhenADeviceIsWorthAnotherTry has Wait told, as sending does,
// that a device had no room: it must not return at once, or its caller would
// try over and over.
func TestWaitReturnsWhenADeviceIsWorthAnotherTry(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	rings(t, func(t *testing.T, r Ring) {
		tr := open(t, lab.Node("b"), Config{Ring: r, TxRing: true})
		settle(t, tr)
		q := tr.queues[0]
		for _, until := range []time.Time{{}, time.Now().Add(time.Minute)} {
			for n := 0; ; n++ { // something else may end a Wait now and then
				q.tryLater()
				begin := time.Now()
				if err := q.Wait(until); err != nil {
					t.Fatal(err)
				}
				if time.Since(begin) >= retryAfter/2 {
					break
				}
				if n == 100 {
					t.Fatal("Wait does not wait")
				}
			}
		}

		// A Wait in progress that knows of nothing is ended.
		done := make(chan error)
		go func() { done <- q.Wait(time.Time{}) }()
		for q.blocks.Load() == 0 {
			time.Sleep(time.Millisecond)
		}
		q.tryLater()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if q.retry.Load() == 0 {
			t.Error("the next Wait does not know when to try again")
		}
		// One that ends earlier anyhow goes on.
		q.blocks.Store(1)
		q.tryLater()
		if q.Woken() {
			t.Error("woken for nothing")
		}
	})
}

// TestALongLingerEndsWhenADeviceIsWorthAnotherTry has packets come one soon after
// the other before.
func TestALongLingerEndsWhenADeviceIsWorthAnotherTry(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	rings(t, func(t *testing.T, r Ring) {
		tr := open(t, lab.Node("b"), Config{Ring: r, TxRing: true})
		settle(t, tr)
		q := tr.queues[0]
		shortest := time.Hour
		for range 100 { // whatever else the machine has to do
			q.pacer = pace.Pacer{}
			now := sysmon.Now() + time.Hour // so that the next wait is soon, however late
			for i := range uint64(pace.Regular + 1) {
				q.pacer.Next(now+time.Duration(i)*pace.Linger, i+1)
			}
			q.rx.taken = pace.Regular + 2
			q.tryLater()
			begin := time.Now()
			if err := q.Wait(time.Time{}); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(begin); d >= retryAfter/2 { // something else may end one
				shortest = min(shortest, d)
			}
		}
		if shortest >= pace.Patience {
			t.Errorf("Wait takes %v at best, to try again after %v", shortest, retryAfter)
		}
	})
}

// TestTurnsComeRound has a queue's sockets take turns more often than an int can
// count.
func TestTurnsComeRound(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb := open(t, a, Config{}), open(t, b, Config{}, 253)
	for _, turn := range []uint{math.MaxInt, math.MaxUint} {
		tb.queues[0].rx.turn = turn
		mustSend(t, ta, between(a, b, false, nil), between(a, b, true, nil))
		receive(t, tb, 2)
	}
}
