// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// TestWhoIsBusyElsewhereIsNotWaitedForForLong has a goroutine that computes, and a
// clock by which each look at what others do takes 10 ms, as it does where that
// goroutine has the only processor.
func TestWhoIsBusyElsewhereIsNotWaitedForForLong(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))))
	var over, begun atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for begun.Store(true); !over.Load(); {
		}
	}()
	defer func() { over.Store(true); <-ended }()
	for !begun.Load() {
		runtime.Gosched()
	}
	for _, c := range []struct {
		patient bool
		limit   time.Duration
	}{{true, longWait}, {false, shortWait}} {
		var q quiet
		q.init()
		now, looks := time.Duration(0), 0
		q.clock = func() time.Duration {
			now += 10 * time.Millisecond
			looks++
			return now
		}
		if !q.wait(c.patient) {
			t.Errorf("patient %v: quiet beside a goroutine that runs", c.patient)
		}
		if most := int(c.limit/(10*time.Millisecond)) + 3; looks > most {
			t.Errorf("patient %v: %d looks, %d at most", c.patient, looks, most)
		}
	}
}
