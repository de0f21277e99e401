// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"sync/atomic"
	"time"
)

func wakeTests() []subtest {
	return []subtest{
		{"Wait returns when its time has passed", nil, waitTimeout},
		{"a Wake before Wait is not lost", nil, wakeBefore},
		{"a Wake ends the Wait in progress", nil, wakeDuring},
		{"a Wake does not last for ever", nil, wakeOnce},
		{"no Wake is lost however many there are", nil, wakeMany},
	}
}

// drain returns an inbox for emptying queues, nil for a transport that does
// not receive.
func (x *trial) drain() *inbox {
	if x.caps.SendOnly {
		return nil
	}
	return x.unbound(&x.a)
}

func waitTimeout(x *trial) {
	for _, q := range x.a.Transport.Queues() {
		for range 3 {
			x.idle(q, x.drain(), 50*time.Millisecond) // in less, a process kept from running may not get to see Wait return at once
		}
	}
}

func wakeBefore(x *trial) {
	for _, q := range x.a.Transport.Queues() {
		for range 3 {
			x.step("Wake, then Wait without a time")
			q.Wake()
			x.noerr(q.Wait(time.Time{}), "Wait")
		}
	}
}

func wakeDuring(x *trial) {
	for _, q := range x.a.Transport.Queues() {
		for range 3 {
			x.idle(q, x.drain(), time.Millisecond)
			done := x.helper(func() { x.noerr(q.Wait(time.Time{}), "Wait") })
			time.Sleep(2 * time.Millisecond)
			x.step("Wake during Wait")
			q.Wake()
			x.await(done, "a Wait without a time after Wake")
		}
	}
}

func wakeOnce(x *trial) {
	for _, q := range x.a.Transport.Queues() {
		for n := range 3 {
			x.step("Wake %d times, then Wait", n+1)
			for range n + 1 {
				q.Wake()
			}
			x.noerr(q.Wait(time.Time{}), "Wait")
			x.idle(q, x.drain(), settleTime)
		}
	}
}

// wakeMany has one goroutine wait for ever, again and again, for values that
// others announce by Wake. A lost Wake is a value that is not seen.
func wakeMany(x *trial) {
	const rounds, wakers = 300, 4
	for _, q := range x.a.Transport.Queues() {
		x.step("Wake ten thousand times while nobody waits")
		for range 10000 {
			q.Wake()
		}
		var announced atomic.Int64
		seen := make(chan int64)
		quit := make(chan struct{})
		waiter := x.helper(func() {
			for last := int64(0); last < rounds*wakers; {
				x.noerr(q.Wait(time.Time{}), "Wait")
				if v := announced.Load(); v != last && v%wakers == 0 {
					last = v
					select {
					case seen <- v:
					case <-quit:
						return
					}
				}
			}
		})
		for r := range int64(rounds) {
			x.step("announcing value %d by concurrent Wakes", r)
			for range wakers {
				x.helper(func() {
					announced.Add(1)
					q.Wake()
				})
			}
			select {
			case v := <-seen:
				if v != (r+1)*wakers {
					x.errorf("saw value %d, want %d", v, (r+1)*wakers)
				}
			case <-waiter:
				x.fatalf("the waiting goroutine ended")
			}
		}
		close(quit)
		x.await(waiter, "the waiting goroutine at its end")
	}
}
