// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// frozenAfter is for how long, in real time, a bubble may be seen in the same
// state, with a goroutine in it that waits for something outside.
const (
	frozenAfter = 10 * time.Second
	looks       = 5 // in that time
)

// Bubble is synctest.Test that says why when virtual time stands still: a
// goroutine waits for a mutex while another sleeps that holds it, or for a real
// file descriptor. After ten seconds of real time the program then ends with
// the stacks of both.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble(t, frozenAfter, f)
}

func bubble(t *testing.T, limit time.Duration, f func(t *testing.T)) {
	done := make(chan struct{})
	defer close(done)
	go watchClock(done, limit)
	synctest.Test(t, f)
}

// watchClock ends the program when bubbles stand still, until done.
func watchClock(done <-chan struct{}, limit time.Duration) {
	tick := time.NewTicker(limit / looks)
	defer tick.Stop()
	var last []string
	seen := 0
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		stuck := stuckGoroutines()
		if len(stuck) > 0 && slices.Equal(stuck, last) {
			seen++
		} else {
			seen = 0
		}
		if last = stuck; seen >= looks {
			panic("prototest: " + diagnose(allStacks()))
		}
	}
}

// stuckGoroutines returns the stacks of the goroutines in bubbles that keep
// time from passing; none if one is running, which is no standstill.
func stuckGoroutines() (stuck []string) {
	for _, g := range bubbleStacks(allStacks()) {
		switch {
		case g.durable || strings.HasPrefix(g.state, "synctest"):
		case g.state == "running" || g.state == "runnable":
			return nil
		default:
			_, stack, _ := strings.Cut(g.text, "\n") // without how long it has waited
			stuck = append(stuck, stack)
		}
	}
	return stuck
}

func allStacks() string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= 64<<20 {
			return string(buf[:n])
		}
		buf = make([]byte, 2*len(buf))
	}
}
