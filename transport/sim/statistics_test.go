// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"protean/transport/sim"
)

// stream sends n packets of the given size, one per gap, marked with their
// number and time, and returns what arrived at the other end.
func stream(t *testing.T, p *pair, n, size int, gap time.Duration) []got {
	t.Helper()
	var all []got
	for i := range n {
		b := ip4(addrA, addrB, size)
		binary.BigEndian.PutUint64(b[20:], uint64(i))
		binary.BigEndian.PutUint64(b[28:], uint64(p.n.Now().UnixNano()))
		check(t, send(t, p.ta, b))
		check(t, p.n.Run(gap))
		all = append(all, packets(receive(t, p.tb))...)
	}
	check(t, p.n.Run(time.Hour))
	return append(all, packets(receive(t, p.tb))...)
}

func number(g got) int { return int(binary.BigEndian.Uint64(g.data[20:])) }

func took(g got) time.Duration {
	return time.Duration(g.at.UnixNano() - int64(binary.BigEndian.Uint64(g.data[28:])))
}

// near fails if a count is more than five standard deviations of a binomial
// distribution away from what it should be: with a fixed seed it either always
// or never is.
func near(t *testing.T, what string, got, n int, p float64) {
	t.Helper()
	want, dev := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	if math.Abs(float64(got)-want) > 5*dev {
		t.Errorf("%s: %d of %d, want %.0f ± %.0f", what, got, n, want, 5*dev)
	}
}

func TestLossAndDuplicationHaveTheirProbability(t *testing.T) {
	const n = 20000
	for _, prob := range []float64{0, 0.001, 0.1, 0.5, 1} {
		p := newPair(t, &sim.Config{Seed: 1}, &sim.LinkConfig{Loss: prob})
		arrived := len(stream(t, p, n, 60, time.Microsecond))
		near(t, "lost", n-arrived, n, prob)
		s, _ := p.link.Stats()
		if s.Lost != uint64(n-arrived) || s.Delivered != uint64(arrived) {
			t.Errorf("%d arrived, counted is %+v", arrived, s)
		}

		p = newPair(t, &sim.Config{Seed: 2}, &sim.LinkConfig{Duplicate: prob})
		all := stream(t, p, n, 60, time.Microsecond)
		near(t, "duplicated", len(all)-n, n, prob)
		if s, _ := p.link.Stats(); s.Duplicated != uint64(len(all)-n) || s.Delivered != n {
			t.Errorf("%d arrived, counted is %+v", len(all), s)
		}
	}
}

func TestLossComesWithoutPattern(t *testing.T) {
	const n = 20000
	p := newPair(t, &sim.Config{Seed: 5}, &sim.LinkConfig{Loss: 0.5})
	arrived := make([]bool, n+1)
	for _, g := range stream(t, p, n, 60, time.Microsecond) {
		arrived[number(g)] = true
	}
	equal := 0
	for i := range n - 1 {
		if arrived[i] == arrived[i+1] {
			equal++
		}
	}
	near(t, "neighbours of the same fate", equal, n-1, 0.5)
}

func TestJitterIsEvenAndKeepsTheOrder(t *testing.T) {
	const n, delay, jitter = 20000, 10 * time.Millisecond, 4 * time.Millisecond
	p := newPair(t, &sim.Config{Seed: 1}, &sim.LinkConfig{Delay: delay, Jitter: jitter})
	var hist [4]int
	for i, g := range stream(t, p, n, 60, 5*time.Millisecond) { // never so close that order counts
		if number(g) != i {
			t.Fatalf("packet %d arrives in place %d", number(g), i)
		}
		d := took(g)
		if d < delay || d > delay+jitter {
			t.Fatalf("packet %d took %v", i, d)
		}
		hist[min(3, int((d-delay)*4/jitter))]++
	}
	for q, c := range hist {
		near(t, "quarter "+string(rune('1'+q))+" of the jitter", c, n, 0.25)
	}

	p = newPair(t, &sim.Config{Seed: 1}, &sim.LinkConfig{Delay: delay, Jitter: jitter})
	for i, g := range stream(t, p, 2000, 60, 100*time.Microsecond) {
		if number(g) != i {
			t.Fatalf("sent close together, packet %d arrives in place %d", number(g), i)
		}
	}
}

func TestReorderHoldsPacketsBack(t *testing.T) {
	const n = 20000
	p := newPair(t, &sim.Config{Seed: 1}, &sim.LinkConfig{
		Delay: time.Millisecond, Reorder: 0.1, ReorderDelay: 350 * time.Microsecond,
	})
	late, last := 0, -1
	for _, g := range stream(t, p, n, 60, 100*time.Microsecond) {
		switch d := took(g); d {
		case time.Millisecond:
			if number(g) < last {
				t.Fatalf("packet %d was not held back but is behind %d", number(g), last)
			}
			last = number(g)
		case 1350 * time.Microsecond:
			late++
		default:
			t.Fatalf("packet %d took %v", number(g), d)
		}
	}
	near(t, "held back", late, n, 0.1)
	if s, _ := p.link.Stats(); s.Reordered != uint64(late) || s.Delivered != n {
		t.Errorf("%d held back, counted is %+v", late, s)
	}
}

func TestRateSpacesPackets(t *testing.T) {
	// 1000 bytes at 8 Mbit/s take a millisecond.
	p := newPair(t, nil, &sim.LinkConfig{Delay: 5 * time.Millisecond, Rate: 8e6})
	all := stream(t, p, 100, 1000, 0)
	for i, g := range all {
		if want := time.Duration(i+1)*time.Millisecond + 5*time.Millisecond; took(g) != want {
			t.Fatalf("packet %d took %v, want %v", i, took(g), want)
		}
	}
	if len(all) != 100 {
		t.Fatalf("%d packets arrived", len(all))
	}
	// An idle link does not save up.
	for i, g := range stream(t, p, 10, 1000, 10*time.Millisecond) {
		if took(g) != 6*time.Millisecond {
			t.Fatalf("packet %d took %v on an idle link", i, took(g))
		}
	}
}

func TestQueueDropsTheTail(t *testing.T) {
	for _, c := range []struct {
		name string
		lc   sim.LinkConfig
		want int
	}{
		{"by packets", sim.LinkConfig{QueuePackets: 10}, 11},
		{"by bytes", sim.LinkConfig{QueueBytes: 4999}, 5},
		{"by bytes, the last just fits", sim.LinkConfig{QueueBytes: 5000}, 6},
		{"by both", sim.LinkConfig{QueuePackets: 3, QueueBytes: 5000}, 4},
		{"without room", sim.LinkConfig{QueueBytes: 1}, 1},
		{"by default", sim.LinkConfig{}, 1001},
	} {
		c.lc.Rate = 8e6
		p := newPair(t, nil, &c.lc)
		all := stream(t, p, 1500, 1000, 0)
		if len(all) != c.want {
			t.Errorf("%s: %d packets arrived, want %d", c.name, len(all), c.want)
		}
		for i, g := range all {
			if number(g) != i {
				t.Fatalf("%s: packet %d arrives in place %d: not the tail was dropped", c.name, number(g), i)
			}
		}
		if s, _ := p.link.Stats(); s.QueueDropped != uint64(1500-c.want) {
			t.Errorf("%s: counted is %+v", c.name, s)
		}
		// There is room again once packets have left.
		if again := stream(t, p, 1, 1000, 0); len(again) != 1 {
			t.Errorf("%s: the queue stays full", c.name)
		}
	}
}

func TestDirectionsCanDiffer(t *testing.T) {
	p := newPair(t, nil, &sim.LinkConfig{
		Delay: time.Millisecond, MTU: 1400, Back: &sim.LinkConfig{Delay: time.Second, Loss: 1, MTU: 9000},
	})
	check(t, send(t, p.ta, ip4(addrA, addrB, 1400)))
	check(t, send(t, p.tb, ip4(addrB, addrA, 9000)))
	check(t, p.n.Run(time.Minute))
	forth, back := p.link.Stats()
	if forth.Delivered != 1 || back.Lost != 1 {
		t.Errorf("forth %+v, back %+v", forth, back)
	}
	if a, b := p.ta.Interfaces()[1].MTU, p.tb.Interfaces()[1].MTU; a != 1400 || b != 9000 {
		t.Errorf("MTU %d and %d", a, b)
	}
}
