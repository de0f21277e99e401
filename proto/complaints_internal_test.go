// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net/netip"
	"testing"
	"time"
)

func peer(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

// TestComplaintsToAllTogetherAreLimited: fifty at once, and one each millisecond.
func TestComplaintsToAllTogetherAreLimited(t *testing.T) {
	var c complaints
	c.init(1)
	sent := 0
	count := func(now time.Duration) int {
		before := sent
		for i := range 500 {
			if c.allow(peer(i), int64(now), true) { // which no address's own limit is for
				sent++
			}
		}
		return sent - before
	}
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{0, 50}, {0, 0}, {10 * time.Millisecond, 10}, {time.Second, 50}} {
		if n := count(step.at); n != step.want {
			t.Errorf("after %v: %d errors, want %d", step.at, n, step.want)
		}
	}
}

// TestNobodyFreesAnotherOfItsLimit: errors to one address do not allow more to
// another one, whichever place they have.
func TestNobodyFreesAnotherOfItsLimit(t *testing.T) {
	var c complaints
	c.init(1)
	victim, now, got := peer(0), int64(0), 0
	for range 10 {
		for i := range 1000 {
			now += int64(time.Millisecond)
			if c.allow(victim, now, false) {
				got++
			}
			c.allow(peer(1+i), now, false)
		}
	}
	if got < 6 || got > 6+10 {
		t.Errorf("%d errors in ten seconds, want 6 and one a second, or fewer", got)
	}
}

// TestPlacesOfComplaintsAreSecret: another host has other addresses share a place.
func TestPlacesOfComplaintsAreSecret(t *testing.T) {
	var a, b complaints
	a.init(1)
	b.init(2)
	refused := func(c *complaints, i int) bool {
		*c = complaints{key: c.key}
		for range complaintBurstPeer {
			if !c.allow(peer(0), 0, false) {
				t.Fatal("not even the first errors are allowed")
			}
		}
		return !c.allow(peer(i), 0, false)
	}
	both, one := 0, 0
	for i := 1; i < 20_000; i++ {
		if refused(&a, i) {
			one++
			if refused(&b, i) {
				both++
			}
		}
	}
	if one < 5 || one > 60 || both > one/4 { // 20 on average
		t.Errorf("%d share the place of one, %d of them elsewhere too", one, both)
	}
}
