// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

// A stepFunc is a Stepper.
type stepFunc func(now time.Time) (time.Time, error)

func (f stepFunc) Poll(now time.Time) (time.Time, error) { return f(now) }

func TestAnHourPassesAtOnce(t *testing.T) {
	p := newPair(t, nil, nil)
	start, ticks := p.n.Now(), 0
	check(t, p.n.Attach(p.ta, stepFunc(func(now time.Time) (time.Time, error) {
		ticks++
		return now.Add(time.Second), nil
	})))
	check(t, p.n.Run(time.Hour))
	if d := p.n.Now().Sub(start); d != time.Hour || ticks != 3601 {
		t.Errorf("%v passed, %d ticks", d, ticks)
	}
	check(t, p.n.Run(0))
	check(t, p.n.Run(-time.Second))
	if d := p.n.Now().Sub(start); d != time.Hour {
		t.Errorf("time went back or on: %v", d)
	}
}

func TestASteppersTimeCanBeMovedAndCancelled(t *testing.T) {
	p := newPair(t, nil, nil)
	start := p.n.Now()
	after := func(d time.Duration) time.Time { return start.Add(d) }
	answers := []time.Time{
		after(time.Hour),       // at 0
		after(time.Second),     // at 1 ms, woken: sooner
		after(2 * time.Hour),   // at 2 ms, woken: later
		after(5 * time.Second), // at 3 ms, woken
		{},                     // at 5 s: never
	}
	var at []time.Duration
	check(t, p.n.Attach(p.ta, stepFunc(func(now time.Time) (time.Time, error) {
		at = append(at, now.Sub(start))
		next := answers[0]
		answers = answers[1:]
		return next, nil
	})))
	for range 3 {
		check(t, p.n.Run(time.Millisecond))
		p.ta.Queues()[0].Wake()
	}
	check(t, p.n.Run(100*time.Hour))
	want := []time.Duration{0, time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond, 5 * time.Second}
	if !slices.Equal(at, want) {
		t.Errorf("called at %v, want %v", at, want)
	}
}

func TestStepperErrorsEndTheRun(t *testing.T) {
	p := newPair(t, nil, nil)
	bad := errors.New("no more")
	calls := 0
	check(t, p.n.Attach(p.ta, stepFunc(func(now time.Time) (time.Time, error) {
		if calls++; calls == 3 {
			return time.Time{}, bad
		}
		return now.Add(time.Second), nil
	})))
	err := p.n.Run(time.Hour)
	var se *sim.StepError
	if !errors.Is(err, bad) || !errors.As(err, &se) || se.Handle != "a#1" || !se.Time.Equal(p.n.Now()) {
		t.Errorf("error %v", err)
	}
	if d := p.n.Now().Sub(sim.DefaultEpoch()); d != 2*time.Second {
		t.Errorf("ended after %v", d)
	}
	check(t, p.n.Run(time.Hour)) // goes on
	if calls < 1000 {
		t.Errorf("%d calls", calls)
	}
}

func TestAStepperThatNeverStopsIsReported(t *testing.T) {
	p := newPair(t, &sim.Config{MaxSteps: 1000}, nil)
	check(t, p.n.Attach(p.ta, stepFunc(func(now time.Time) (time.Time, error) { return now, nil })))
	err := p.n.Run(time.Hour)
	var le *sim.LivelockError
	if !errors.As(err, &le) || le.Handle != "a#1" || le.Steps <= 1000 || !strings.Contains(err.Error(), "2000-01-01") {
		t.Errorf("error %v", err)
	}
	if !p.n.Now().Equal(sim.DefaultEpoch()) {
		t.Errorf("time went on")
	}
}

func TestPacketsThatAnswerEachOtherAtOnceAreReported(t *testing.T) {
	p := newPair(t, &sim.Config{MaxSteps: 1000}, nil)
	attach(t, p.n, p.tb, nil)
	x := attach(t, p.n, p.ta, ip4(addrA, addrB, 60))
	err := p.n.Run(time.Hour)
	var le *sim.LivelockError
	if !errors.As(err, &le) || x.seen < 400 {
		t.Errorf("error %v after %d packets", err, x.seen)
	}
	// Nobody attached, but a copy of a copy of a packet: the limit is about
	// steps at one instant, not about their number.
	q := newPair(t, &sim.Config{MaxSteps: 10}, &sim.LinkConfig{Delay: 1})
	attach(t, q.n, q.tb, nil)
	x = attach(t, q.n, q.ta, ip4(addrA, addrB, 60))
	check(t, q.n.Run(10*time.Microsecond))
	if x.seen != 5000 {
		t.Errorf("%d packets", x.seen)
	}
	// Without a limit it would never end; with a count of its own it does.
	r := newPair(t, &sim.Config{MaxSteps: -1}, nil)
	attach(t, r.n, r.tb, nil)
	attach(t, r.n, r.ta, ip4(addrA, addrB, 60)).until = 1 << 12
	check(t, r.n.Run(0))
}

func TestRunUntilStopsWhenItsConditionIsTrue(t *testing.T) {
	p := newPair(t, nil, &sim.LinkConfig{Delay: time.Second})
	attach(t, p.n, p.tb, nil)
	x := attach(t, p.n, p.ta, ip4(addrA, addrB, 60))
	check(t, p.n.RunUntil(func() bool { return x.seen == 3 }, time.Hour))
	if d := p.n.Now().Sub(sim.DefaultEpoch()); d != 6*time.Second {
		t.Errorf("after %v", d)
	}
	check(t, p.n.RunUntil(func() bool { return true }, 0))
	err := p.n.RunUntil(func() bool { return false }, time.Minute)
	var le *sim.LimitError
	if !errors.As(err, &le) || le.Limit != time.Minute || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if d := p.n.Now().Sub(sim.DefaultEpoch()); d != 66*time.Second {
		t.Errorf("after %v", d)
	}
}

func TestStepTakesOneStepAtATime(t *testing.T) {
	p := newPair(t, nil, &sim.LinkConfig{Delay: time.Second})
	x := attach(t, p.n, p.ta, ip4(addrA, addrB, 60))
	attach(t, p.n, p.tb, nil)
	x.until = 1
	steps := 0
	for {
		more, err := p.n.Step()
		check(t, err)
		if !more {
			break
		}
		steps++
	}
	// Both start, the packet arrives, the answer arrives.
	if steps != 4 || x.seen != 1 {
		t.Errorf("%d steps, %d packets", steps, x.seen)
	}
}

func TestDrivingTwiceIsRefused(t *testing.T) {
	p := newPair(t, nil, nil)
	var errs []error
	check(t, p.n.Attach(p.ta, stepFunc(func(now time.Time) (time.Time, error) {
		_, err := p.n.Step()
		errs = append(errs, p.n.Run(0), p.n.RunUntil(func() bool { return true }, 0), err)
		return time.Time{}, nil
	})))
	check(t, p.n.Run(0))
	for _, err := range errs {
		if !errors.Is(err, sim.ErrRunning) {
			t.Errorf("error %v", err)
		}
	}
	if len(errs) != 3 {
		t.Errorf("%d calls", len(errs))
	}
}

func TestAttachRefusesWhatItCannotDrive(t *testing.T) {
	p, other := newPair(t, nil, nil), newPair(t, nil, nil)
	idle := stepFunc(func(time.Time) (time.Time, error) { return time.Time{}, nil })
	wrong(t, p.n.Attach(nil, idle), "handle")
	wrong(t, p.n.Attach(other.ta, idle), "handle")
	wrong(t, p.n.Attach(p.ta, nil), "nil")
	check(t, p.n.Attach(p.ta, idle))
	wrong(t, p.n.Attach(p.ta, idle), "already")

	live := newPair(t, &sim.Config{Live: true}, nil)
	_, stepErr := live.n.Step()
	for _, err := range []error{
		live.n.Attach(live.ta, idle), live.n.Run(0), live.n.RunUntil(nil, 0), stepErr,
	} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("live: error %v", err)
		}
	}
	if err := p.ta.Queues()[0].Wait(time.Time{}); !errors.Is(err, transport.ErrStepped) {
		t.Errorf("Wait: %v", err)
	}
}

func TestAHandleMayBeClosedByAnothersStep(t *testing.T) {
	p := newPair(t, nil, nil)
	x := attach(t, p.n, p.tb, nil)
	check(t, p.n.Run(0))
	check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
	check(t, p.n.Attach(p.ta, stepFunc(func(time.Time) (time.Time, error) {
		return time.Time{}, p.tb.Close()
	})))
	p.tb.Queues()[0].Wake() // it is to be called, but is closed before
	p.ta.Queues()[0].Wake()
	check(t, p.n.Run(time.Second))
	if x.seen != 0 {
		t.Errorf("a closed handle received")
	}
}

func TestCloseFromWithinDeliverIsRefused(t *testing.T) {
	p := newPair(t, nil, nil)
	check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
	check(t, p.n.Run(0))
	var errs []error
	_, err := p.tb.Queues()[0].Recv(sinkFunc(func(*transport.Packet) {
		_, again := p.tb.Queues()[0].Recv(&counter{}, 1)
		errs = append(errs, p.tb.Close(), again)
	}), 1)
	check(t, err)
	for _, err := range errs {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("error %v", err)
		}
	}
	if len(errs) != 2 {
		t.Errorf("not delivered")
	}
}

// A sinkFunc is a sink without events.
type sinkFunc func(*transport.Packet)

func (f sinkFunc) Deliver(p *transport.Packet) { f(p) }
func (f sinkFunc) Event(*transport.Event)      {}

func TestATapSeesTheFateOfEveryPacket(t *testing.T) {
	p := newPair(t, &sim.Config{Seed: 4}, &sim.LinkConfig{
		Delay: time.Millisecond, Loss: 0.2, Duplicate: 0.2, Reorder: 0.2, Rate: 8e6, QueuePackets: 30,
	})
	fates := map[sim.Fate]uint64{}
	ended := map[uint64]int{}
	stop := p.n.Tap(func(tr sim.Trace) {
		if tr.From != p.pa || tr.To != p.pb || tr.Link != "a:eth0-b:eth0" || tr.Back || len(tr.Data) < 1000 {
			t.Errorf("%v %v → %v, %d bytes", tr.Link, tr.From, tr.To, len(tr.Data))
		}
		switch tr.Fate {
		case sim.Delivered, sim.Lost, sim.QueueDrop, sim.Down, sim.TooBig:
			if !tr.Copy {
				ended[tr.Number]++
			} else {
				return
			}
		}
		fates[tr.Fate]++
	})
	for i := range 100 {
		check(t, send(t, p.ta, ip4(addrA, addrB, 1000)))
		if i%2 == 0 {
			check(t, p.n.Run(time.Millisecond))
		}
	}
	if err := send(t, p.ta, ip4(addrA, addrB, 2000)); err == nil {
		t.Error("sent")
	}
	check(t, p.n.Run(2*time.Millisecond))
	p.link.SetUp(false)
	check(t, p.n.Run(time.Minute))
	s, _ := p.link.Stats()
	for f, want := range map[sim.Fate]uint64{
		sim.Sent: s.Offered, sim.Delivered: s.Delivered, sim.Lost: s.Lost, sim.QueueDrop: s.QueueDropped,
		sim.TooBig: 1, sim.Down: s.Down, sim.Duplicated: s.Duplicated, sim.Reordered: s.Reordered,
	} {
		if fates[f] != want || want == 0 {
			t.Errorf("%v: %d traces, %d counted", f, fates[f], want)
		}
	}
	for i := range s.Offered {
		if ended[i] != 1 {
			t.Errorf("packet %d ended %d times", i, ended[i])
		}
	}
	stop()
	stop()
	p.link.SetUp(true)
	check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
	check(t, p.n.Run(time.Second))
	if s := sim.Fate(200).String() + sim.Delivered.String(); s != "unknown fatedelivered" {
		t.Error(s)
	}
}
