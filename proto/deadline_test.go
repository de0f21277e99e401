// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestADeadlineCanBeSetAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d deadline
		d.init()
		set := func(left time.Duration) { d.set(time.Now().Add(left), time.Now) }
		want := func(when string, passed bool) {
			t.Helper()
			synctest.Wait()
			if d.passed(time.Now) != passed {
				t.Errorf("%s: passed %v, want %v", when, !passed, passed)
			}
		}
		set(time.Second)
		c := d.wait()
		set(time.Hour)
		if d.wait() != c {
			t.Error("whoever waits already does not see the new deadline")
		}
		time.Sleep(time.Minute)
		want("put off", false)
		set(time.Minute)
		time.Sleep(time.Minute)
		want("brought forward", true)
		set(time.Minute)
		want("set again after it has passed", false)
		d.set(time.Time{}, time.Now)
		time.Sleep(time.Hour)
		want("taken away", false)
		set(-1)
		want("in the past", true)
	})
}

// TestADeadlinePassesWithItsTime has no timer run: another's of the same time may have.
func TestADeadlinePassesWithItsTime(t *testing.T) {
	var d deadline
	d.init()
	start := time.Now()
	now := start
	clock := func() time.Time { return now }
	d.set(start.Add(time.Hour), clock)
	defer d.set(time.Time{}, clock)
	for _, c := range []struct {
		at     time.Duration
		passed bool
	}{{0, false}, {time.Hour - 1, false}, {time.Hour, true}} {
		if now = start.Add(c.at); d.passed(clock) != c.passed {
			t.Errorf("after %v: %v", c.at, !c.passed)
		}
	}
}

// The timer of the old deadline may have fired, and its function be waiting
// for the lock, when the new one is set. The order is arranged for by holding
// the lock: the goroutine that sets comes to it before the timer does.
func TestATimerThatHasFiredDoesNotEndANewDeadline(t *testing.T) {
	var d deadline
	d.init()
	now := time.Now()
	d.set(now.Add(50*time.Millisecond), time.Now)
	d.mu.Lock()
	set := make(chan struct{})
	go func() {
		defer close(set)
		d.set(now.Add(time.Hour), time.Now)
	}()
	time.Sleep(100 * time.Millisecond)
	d.mu.Unlock()
	<-set
	time.Sleep(10 * time.Millisecond) // for the old timer's function
	if d.passed(time.Now) {
		t.Error("the new deadline has passed with the old timer")
	}
	d.set(time.Time{}, time.Now)
}
