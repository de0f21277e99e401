// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"net"
	"runtime/debug"
	"time"
)

// A Stepper is a program that is driven step by step, such as a *proto.Host.
//
// Poll does everything there is to do at the time now and never blocks. next
// is when it wants to be called again if nothing happens before: now or
// earlier means at once, and the zero Time that only input will change
// anything.
type Stepper interface {
	Poll(now time.Time) (next time.Time, err error)
}

// Attach has s driven by the network, for as long as t is open: it is called
// at the present time, when something is there for t to receive, after a Wake,
// and when it asked for it. Errors: *[transport.UnsupportedError] if the
// network is live; *[ConfigError] if t has a Stepper or belongs to another
// network; net.ErrClosed.
func (n *Network) Attach(t *Transport, s Stepper) error {
	if n.cfg.Live {
		return unsupported("Attach to a live network")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case t == nil || t.net != n:
		return &ConfigError{"stepper", "handle", "is not of this network"}
	case s == nil:
		return &ConfigError{"stepper of " + t.name, "stepper", "is nil"}
	case t.closed:
		return net.ErrClosed
	case t.stepper != nil:
		return &ConfigError{"stepper of " + t.name, "handle", "has one already"}
	}
	t.stepper = s
	t.run()
	return nil
}

// run has t's stepper called at the present time, after those that are to be
// called already.
func (t *Transport) run() {
	if (t.stepper != nil || t.net.inBubble()) && !t.queued {
		t.queued = true
		t.net.runnable.Push(t)
	}
}

// Run lets d of virtual time pass. Errors: *[StepError], *[LivelockError],
// [ErrRunning], net.ErrClosed, *[transport.UnsupportedError] if the network is
// live. After an error the time is that of the step it is about, and another
// call goes on from there.
func (n *Network) Run(d time.Duration) error {
	_, err := n.drive(d, nil)
	return err
}

// RunUntil lets virtual time pass until cond is true, which is asked before
// the first step and after each, but at most limit. Errors: as for [Network.Run];
// *[LimitError] when cond is still false after limit.
func (n *Network) RunUntil(cond func() bool, limit time.Duration) error {
	ok, err := n.drive(limit, cond)
	if err == nil && !ok {
		err = &LimitError{limit}
	}
	return err
}

// Step takes one step: it calls one Stepper that is to be called at the
// present time; if there is none, it lets time pass until the next event,
// makes that happen, and calls the Stepper it concerns, unless there are
// several, which have steps of their own. It reports whether there was
// anything to do. Errors: as for [Network.Run].
func (n *Network) Step() (bool, error) {
	if err := n.begin(); err != nil {
		return false, err
	}
	defer n.end()
	return n.step(maxTime)
}

func (n *Network) drive(d time.Duration, cond func() bool) (ok bool, err error) {
	if err := n.begin(); err != nil {
		return false, err
	}
	defer n.end()
	n.steps = 0
	until := addTime(n.now, int64(max(0, d)))
	for {
		if cond != nil && cond() {
			return true, nil
		}
		more, err := n.step(until)
		if err != nil {
			return false, err
		}
		if !more {
			break
		}
	}
	n.mu.Lock()
	n.advance(until)
	n.mu.Unlock()
	return false, nil
}

func (n *Network) begin() error {
	if n.cfg.Live {
		return unsupported("stepping of a live network")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return net.ErrClosed
	}
	if n.running {
		return ErrRunning
	}
	n.running = true
	return nil
}

func (n *Network) end() {
	n.mu.Lock()
	n.running = false
	n.mu.Unlock()
}

// advance sets the time, which begins a new count of steps.
func (n *Network) advance(at int64) {
	if at > n.now {
		n.now = at
		n.shown.Store(at)
		n.steps = 0
	}
}

// step does the next thing that happens until the given time, if there is any.
func (n *Network) step(until int64) (bool, error) {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return false, net.ErrClosed
	}
	if n.runnable.Len() == 0 {
		if n.heap.len() == 0 || n.heap.top().at > until {
			n.mu.Unlock()
			return false, nil
		}
		n.advance(n.heap.top().at)
		n.watch(n.heap.top().src.String)
		if n.acting() {
			n.act()
		} else {
			n.fire()
		}
		if n.runnable.Len() != 1 {
			err := n.count()
			n.mu.Unlock()
			return true, err
		}
	}
	t := *n.runnable.At(0)
	n.last = t
	n.watch(t.polled)
	if err := n.count(); err != nil {
		n.mu.Unlock()
		return true, err
	}
	n.runnable.Drop()
	t.queued = false
	s, now := t.stepper, unix(n.now)
	n.mu.Unlock()
	if s == nil { // closed meanwhile
		return true, nil
	}
	next, err := poll(s, now)
	n.mu.Lock()
	defer n.mu.Unlock()
	if err != nil {
		t.run()
		return true, &StepError{t.name, now, err}
	}
	t.again(next)
	return true, nil
}

// poll calls a stepper. Its panic becomes an error, so that what it did is told
// with the time and the handle.
func poll(s Stepper, now time.Time) (next time.Time, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &PanicError{v, debug.Stack()}
		}
	}()
	return s.Poll(now)
}

// polled is what a step is called that calls t's stepper.
func (t *Transport) polled() string { return "poll of " + t.name }

// again has the stepper called at next.
func (t *Transport) again(next time.Time) {
	n := t.net
	if next.IsZero() || t.closed {
		n.heap.remove(&t.timer)
		return
	}
	d := next.Sub(unix(n.now)) // saturates
	if d <= 0 {
		n.heap.remove(&t.timer)
		t.run()
		return
	}
	if at := addTime(n.now, int64(d)); t.timer.pos == 0 || n.heap.ev[t.timer.pos].at != at {
		n.schedule(&t.timer, at)
	}
}

// count counts a step at the present time.
func (n *Network) count() error {
	n.steps++
	if n.cfg.MaxSteps < 0 || n.steps <= n.cfg.MaxSteps {
		return nil
	}
	return n.livelock()
}
