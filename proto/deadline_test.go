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
			if d.passed() != passed {
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

// TestADeadlinePassesWithAnotherThatIsNoEarlier has no timer of its own run.
func TestADeadlinePassesWithAnotherThatIsNoEarlier(t *testing.T) {
	start := time.Now()
	now := start
	clock := func() time.Time { return now }
	for _, c := range []struct {
		at, other time.Duration // 0: not set
		passed    bool          // the other has
		want      bool
	}{
		{time.Hour, time.Hour, true, true}, {time.Hour, 2 * time.Hour, true, true}, {2 * time.Hour, time.Hour, true, false},
		{time.Hour, time.Hour, false, false}, {0, time.Hour, true, false}, {time.Hour, 0, false, false},
	} {
		var d, other deadline
		d.init()
		other.init()
		now = start
		if c.at != 0 {
			d.set(start.Add(c.at), clock)
		}
		if c.passed {
			now = start.Add(c.other)
		}
		if c.other != 0 {
			other.set(start.Add(c.other), clock)
		}
		d.with(&other)
		d.with(&other)
		if d.passed() != c.want {
			t.Errorf("%+v: passed %v", c, !c.want)
		}
		now = start
		d.set(time.Time{}, clock)
		if other.set(time.Time{}, clock); d.passed() || other.passed() {
			t.Errorf("%+v: passed, and not set any more", c)
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
	if d.passed() {
		t.Error("the new deadline has passed with the old timer")
	}
	d.set(time.Time{}, time.Now)
}
