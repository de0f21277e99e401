// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"testing"
	"time"

	"protean/transport"
	"protean/transport/impair"
	"protean/transport/sim"
)

func pipeline(t *testing.T, text string) impair.Pipeline {
	t.Helper()
	p, err := impair.Parse(text)
	check(t, err)
	return p
}

func TestALinkHasAPipeline(t *testing.T) {
	const n = 1000
	fates := map[sim.Fate]int{}
	p := newPair(t, &sim.Config{Seed: 2}, &sim.LinkConfig{
		Loss: 0.1, Pipeline: pipeline(t, "drop every 10 duplicate 10% corrupt 10% mtu 100 allow 6"),
		Back: &sim.LinkConfig{Pipeline: pipeline(t, "delay 7ms")},
	})
	p.n.Tap(func(tr sim.Trace) { fates[tr.Fate]++ })
	stream(t, p, n, 60, time.Microsecond)
	s, _ := p.link.Stats()
	if s.Offered != n || s.Lost < n/10 || s.Filtered != n-s.Lost || s.Delivered != 0 || s.Corrupted == 0 || s.Duplicated == 0 {
		t.Errorf("%+v", s)
	}
	// Copies are traced, but not counted.
	if fates[sim.Sent] != n || uint64(fates[sim.Lost]) < s.Lost || uint64(fates[sim.Filtered]) < s.Filtered ||
		uint64(fates[sim.Corrupted]) != s.Corrupted || uint64(fates[sim.Duplicated]) != s.Duplicated {
		t.Errorf("traces %v, counted is %+v", fates, s)
	}
	check(t, send(t, p.tb, ip4(addrB, addrA, 60)))
	before := p.n.Now()
	check(t, p.n.Run(time.Second))
	if got := packets(receive(t, p.ta)); len(got) != 1 || got[0].at.Sub(before) != 7*time.Millisecond {
		t.Errorf("back: %v", got)
	}
}

func TestALinkIsChangedAtAnInstant(t *testing.T) {
	p := newPair(t, nil, &sim.LinkConfig{Delay: 10 * time.Millisecond})
	start := p.n.Now()
	check(t, p.n.At(start.Add(time.Second), func() {
		check(t, p.link.Set(&sim.LinkConfig{Delay: time.Millisecond, MTU: 1300, Pipeline: pipeline(t, "loss 100%")}))
	}))
	check(t, p.n.At(start.Add(2*time.Second), func() { check(t, p.link.Set(nil)) }))
	receive(t, p.ta)
	var mtus []int
	for i := range 30 {
		check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
		check(t, p.n.Run(100*time.Millisecond))
		if n := len(packets(receive(t, p.tb))); (n == 1) != (i < 10 || i >= 20) {
			t.Errorf("at %v, %d packets arrive", time.Duration(i)*100*time.Millisecond, n)
		}
		for _, g := range receive(t, p.ta) {
			if g.event == transport.LinkChanged {
				mtus = append(mtus, g.iface.MTU)
			}
		}
	}
	if len(mtus) != 2 || mtus[0] != 1300 || mtus[1] != 1500 {
		t.Errorf("MTUs told: %v", mtus)
	}
	// What is under way finishes what it has begun.
	check(t, p.link.Set(&sim.LinkConfig{Delay: 10 * time.Millisecond}))
	check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
	check(t, p.link.Set(&sim.LinkConfig{Loss: 1}))
	check(t, p.n.Run(9*time.Millisecond))
	early := len(packets(receive(t, p.tb)))
	check(t, p.n.Run(time.Millisecond))
	if late := len(packets(receive(t, p.tb))); early != 0 || late != 1 {
		t.Errorf("%d packets arrive early, %d in time", early, late)
	}
	if s, _ := p.link.Stats(); s.Offered != 31 || s.Delivered != 21 || s.Lost != 10 {
		t.Errorf("%+v", s)
	}
}

func TestBadPipelinesAreRefused(t *testing.T) {
	p := newPair(t, nil, nil)
	for text, words := range map[string][]string{
		"nat 192.0.2.1":   {"Pipeline", "way back"},
		"mtu 1000 refuse": {"Pipeline", "1280"},
	} {
		wrong(t, p.link.Set(&sim.LinkConfig{Pipeline: pipeline(t, text)}), words...)
	}
	wrong(t, p.link.Set(&sim.LinkConfig{Pipeline: impair.Pipeline{impair.Loss{P: 2}}}), "Pipeline", "0 to 1")
	wrong(t, p.link.Set(&sim.LinkConfig{Name: "other"}), "Name")
	check(t, p.link.Set(&sim.LinkConfig{Pipeline: pipeline(t, "mtu 1400 refuse")}))
	if mtu := p.ta.Interfaces()[1].MTU; mtu != 1400 {
		t.Errorf("MTU %d", mtu)
	}
}

// TestTranslatedPacketsFindTheirWay: a translator on a link hides a from b.
func TestTranslatedPacketsFindTheirWay(t *testing.T) {
	p := newPair(t, nil, &sim.LinkConfig{
		Pipeline: pipeline(t, "masquerade 10.0.0.77"), Back: &sim.LinkConfig{Pipeline: pipeline(t, "denat")},
	})
	check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
	check(t, p.n.Run(time.Second))
	got := packets(receive(t, p.tb))
	if len(got) != 1 || string(got[0].data[12:16]) != "\x0a\x00\x00\x4d" {
		t.Fatalf("b has %v", got)
	}
	answer := ip4(addrB, addrA, 60)
	copy(answer[16:], got[0].data[12:16])
	check(t, send(t, p.tb, answer))
	check(t, p.n.Run(time.Second))
	if got := packets(receive(t, p.ta)); len(got) != 1 {
		t.Errorf("a has %v", got)
	}
}
