// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package plpmtud

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const rtt = 50 * time.Millisecond

// A road is a path that carries so many bytes, and loses some probes.
type road struct {
	t      *testing.T
	p      *Prober
	now    time.Time
	mtu    int
	loss   float64
	rng    *rand.Rand
	probes int
}

func newRoad(t *testing.T, c Config, mtu int) *road {
	t.Helper()
	r := &road{t: t, now: time.Unix(1000, 0), mtu: mtu, rng: rand.New(rand.NewPCG(1, uint64(mtu)))}
	p, err := New(c, r.now)
	if err != nil {
		t.Fatal(err)
	}
	r.p = p
	return r
}

// step sends what is due and lets the answer come, or waits for the next event.
func (r *road) step() {
	r.t.Helper()
	if at := r.p.Next(); at.After(r.now) {
		r.now = at
	}
	size, ok := r.p.Probe(r.now)
	if !ok {
		if r.p.Next().Before(r.now) || r.p.Next().Equal(r.now) {
			r.t.Fatalf("at %v nothing is to be done, and at once again", r.now)
		}
		return
	}
	r.probes++
	if size < r.p.c.Min || size > r.p.c.Max {
		r.t.Fatalf("a probe of %d bytes", size)
	}
	if size <= r.mtu && r.rng.Float64() >= r.loss {
		r.now = r.now.Add(rtt)
		r.p.Acked(size, r.now)
	}
}

func (r *road) settle() {
	r.t.Helper()
	for range 200 {
		r.step()
		if r.p.State() == Complete {
			return
		}
	}
	r.t.Fatalf("no end after %d probes: %v, %d bytes", r.probes, r.p.State(), r.p.MTU())
}

// TestEveryPathIsFound, within Step, with few probes.
func TestEveryPathIsFound(t *testing.T) {
	for mtu := DefaultBase; mtu <= 1500; mtu++ {
		r := newRoad(t, Config{Max: 1500}, mtu)
		r.settle()
		if got := r.p.MTU(); got > mtu || got <= mtu-DefaultStep {
			t.Errorf("a path of %d bytes is said to carry %d", mtu, got)
		}
		if r.probes > 1+3*8 {
			t.Errorf("a path of %d bytes takes %d probes", mtu, r.probes)
		}
	}
	r := newRoad(t, Config{Max: 65535, Step: 1}, 9000)
	r.settle()
	if r.p.MTU() != 9000 {
		t.Errorf("a path of 9000 bytes is said to carry %d", r.p.MTU())
	}
	r = newRoad(t, Config{Max: 1500}, 1500)
	if r.settle(); r.probes != 2 {
		t.Errorf("a path that carries all takes %d probes, want Base and Max", r.probes)
	}
}

// TestLossDoesNotMislead: single probes that are lost are sent again.
func TestLossDoesNotMislead(t *testing.T) {
	r := newRoad(t, Config{Max: 1500, MaxProbes: 12}, 1400)
	r.loss = 0.2
	r.settle()
	if got := r.p.MTU(); got > 1400 || got < 1397 {
		t.Errorf("%d bytes", got)
	}
}

// TestLargerSizesAreLookedForAgain after RaiseTimeout.
func TestLargerSizesAreLookedForAgain(t *testing.T) {
	r := newRoad(t, Config{Max: 1500}, 1300)
	r.settle()
	done := r.now
	r.mtu = 1450
	r.step()
	if d := r.now.Sub(done); d < DefaultRaiseTimeout || d > DefaultRaiseTimeout+DefaultProbeTimeout {
		t.Errorf("looked again after %v", d)
	}
	r.settle()
	if got := r.p.MTU(); got > 1450 || got < 1447 {
		t.Errorf("%d bytes", got)
	}
}

// TestABlackHoleIsNoticed by probes that confirm, or by who sends data.
func TestABlackHoleIsNoticed(t *testing.T) {
	r := newRoad(t, Config{Max: 1500, Confirm: 30 * time.Second}, 1500)
	r.settle()
	r.step() // confirmed
	if r.p.State() != Complete || r.p.MTU() != 1500 {
		t.Fatalf("%v, %d bytes", r.p.State(), r.p.MTU())
	}
	start := r.now
	r.mtu = 1280
	for r.p.MTU() == 1500 {
		r.step()
	}
	if d := r.now.Sub(start); d > 30*time.Second+4*DefaultProbeTimeout {
		t.Errorf("noticed after %v", d)
	}
	r.settle()
	if got := r.p.MTU(); got > 1280 || got < 1277 {
		t.Errorf("%d bytes", got)
	}
	r.mtu = 1250
	r.p.BlackHole(r.now)
	if r.p.MTU() != DefaultBase {
		t.Errorf("%d bytes are used when those of %d are lost", r.p.MTU(), 1280)
	}
	r.settle()
	if got := r.p.MTU(); got > 1250 || got < 1247 {
		t.Errorf("%d bytes", got)
	}
}

// TestPathsThatCarryNotEvenBase are used with Min, until they do.
func TestPathsThatCarryNotEvenBase(t *testing.T) {
	r := newRoad(t, Config{Max: 1500}, 600)
	for range 10 {
		r.step()
	}
	if r.p.State() != Error || r.p.MTU() != DefaultMin {
		t.Fatalf("%v, %d bytes", r.p.State(), r.p.MTU())
	}
	r.mtu = 1500
	r.settle()
	if r.p.MTU() != 1500 {
		t.Errorf("%d bytes", r.p.MTU())
	}
}

// TestWhatRoutersSaySavesProbes, and is not believed when it makes no sense.
func TestWhatRoutersSaySavesProbes(t *testing.T) {
	r := newRoad(t, Config{Max: 1500}, 1373)
	r.step() // Base
	r.step() // Max, which is lost
	r.p.TooBig(1373, r.now)
	r.settle()
	if r.p.MTU() != 1373 || r.probes != 3 {
		t.Errorf("%d bytes after %d probes, want 1373 after 3", r.p.MTU(), r.probes)
	}
	for _, mtu := range []int{-1, 0, 1, DefaultMin - 1, 1373, 1374, 1500, 9000} {
		if r.p.TooBig(mtu, r.now); r.p.MTU() != 1373 || r.p.State() != Complete {
			t.Errorf("an MTU of %d: %v, %d bytes", mtu, r.p.State(), r.p.MTU())
		}
	}
	r.mtu = 1300
	r.p.TooBig(1300, r.now)
	r.settle()
	if r.p.MTU() != 1300 {
		t.Errorf("%d bytes, want 1300", r.p.MTU())
	}
	r.mtu = 1000
	r.p.TooBig(1000, r.now)
	if r.p.State() != Error || r.p.MTU() != 1000 {
		t.Errorf("%v, %d bytes, want 1000", r.p.State(), r.p.MTU())
	}
}

// TestLateAcknowledgementsCount although the size was given up.
func TestLateAcknowledgementsCount(t *testing.T) {
	r := newRoad(t, Config{Max: 1500}, 1300)
	r.settle()
	r.p.Acked(1500, r.now)
	if r.p.MTU() != 1500 || r.p.State() != Complete {
		t.Errorf("%v, %d bytes", r.p.State(), r.p.MTU())
	}
	r.p.Acked(9000, r.now)
	r.p.Acked(1, r.now)
	if r.p.MTU() != 1500 || r.p.State() != Complete {
		t.Errorf("acknowledgements of what was never sent: %v, %d bytes", r.p.State(), r.p.MTU())
	}
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	for field, c := range map[string]Config{
		"Max": {}, "Base": {Max: 1500, Base: -1}, "Min": {Max: 1500, Min: -1}, "MaxProbes": {Max: 1500, MaxProbes: -1},
		"ProbeTimeout": {Max: 1500, ProbeTimeout: -1}, "Step": {Max: 1500, Step: -1}, "Confirm": {Max: 1500, Confirm: -1},
	} {
		if _, err := New(c, time.Time{}); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if p, err := New(Config{Max: 1000}, time.Time{}); err != nil || p.MTU() != 1000 {
		t.Errorf("a Max below Base: %v", err)
	}
	if Error.String() != "error" || State(9).String() != "unknown state" {
		t.Error("states have other names")
	}
}

// FuzzProber: whatever happens in whatever order, the size stays in its bounds,
// something is always going to be done, and not all at once.
func FuzzProber(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 200, 2, 100, 3, 0, 0})
	f.Add([]byte("probes and black holes"))
	f.Fuzz(func(t *testing.T, b []byte) {
		now := time.Unix(0, 0)
		p, err := New(Config{Max: 1500, Confirm: time.Minute, Step: 1}, now)
		if err != nil {
			t.Fatal(err)
		}
		last := 0
		for len(b) >= 2 {
			arg := 400 + 5*int(b[1])
			switch b[0] % 6 {
			case 0, 1:
				if p.Next().After(now) {
					now = p.Next()
				}
				for n := 0; !p.Next().After(now); n++ {
					if size, ok := p.Probe(now); ok {
						last = size
					}
					if n > 3 {
						t.Fatalf("%v: the fourth thing to do at once", p.State())
					}
				}
			case 2:
				p.Acked(last, now)
			case 3:
				p.TooBig(arg, now)
			case 4:
				p.BlackHole(now)
			case 5:
				now = now.Add(time.Duration(arg) * time.Second / 10)
			}
			if p.MTU() < DefaultMin || p.MTU() > 1500 {
				t.Fatalf("%v, %d bytes", p.State(), p.MTU())
			}
			b = b[2:]
		}
	})
}
