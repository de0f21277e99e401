// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package plpmtud

import (
	"errors"
	"time"

	"protean/proto"
	"protean/transport"
)

// A Discovery runs a Prober in a handler: it sends probes when they are due, by a
// timer of the handler's loop. Its methods are called on the loop.
type Discovery struct {
	p       *Prober
	send    func(env *proto.Env, size int) error
	changed func(env *proto.Env, mtu int)
	timer   *proto.Timer
	told    int
	stopped bool
}

// retryUnsent is when a probe is sent again for which there was no room.
const retryUnsent = 10 * time.Millisecond

// Start starts a search. send sends a probe, as one IP packet of the given size,
// with proto.FragProbe; its errors are not reported, since a probe may be lost.
// changed, if not nil, is called whenever the size to use has changed. The error
// says which field of c makes no sense.
func Start(env *proto.Env, c Config, send func(env *proto.Env, size int) error, changed func(env *proto.Env, mtu int)) (*Discovery, error) {
	p, err := New(c, env.Now())
	if err != nil {
		return nil, err
	}
	d := &Discovery{p: p, send: send, changed: changed, told: p.MTU()}
	d.timer = env.NewTimer(d.run)
	d.run(env)
	return d, nil
}

// MTU returns the largest size that packets should have now.
func (d *Discovery) MTU() int { return d.p.MTU() }

// State returns the phase of the search.
func (d *Discovery) State() State { return d.p.State() }

// Acked tells that a probe of this size has arrived.
func (d *Discovery) Acked(env *proto.Env, size int) {
	if d.stopped {
		return
	}
	d.p.Acked(size, env.Now())
	d.run(env)
}

// TooBig tells of the MTU of a NetworkError about a packet to the same
// destination.
func (d *Discovery) TooBig(env *proto.Env, mtu int) {
	if d.stopped {
		return
	}
	d.p.TooBig(mtu, env.Now())
	d.run(env)
}

// BlackHole tells that packets of the size in use do not arrive any more.
func (d *Discovery) BlackHole(env *proto.Env) {
	if d.stopped {
		return
	}
	d.p.BlackHole(env.Now())
	d.run(env)
}

// Stop ends the search: no probe is sent any more, and changed not called,
// whatever the other methods are told. MTU stays as it is.
func (d *Discovery) Stop() {
	d.stopped = true
	d.timer.Stop()
}

// run sends what is due and sets the timer.
func (d *Discovery) run(env *proto.Env) {
	now := env.Now()
	if size, ok := d.p.Probe(now); ok {
		err := d.send(env, size)
		var tooBig *transport.TooBigError
		switch {
		case errors.As(err, &tooBig):
			d.p.TooBig(tooBig.MTU, now) // the first link's
		case errors.Is(err, proto.ErrNoSlots):
			d.p.unsent(now.Add(retryUnsent))
		}
	}
	if mtu := d.p.MTU(); mtu != d.told && !d.stopped {
		d.told = mtu
		if d.changed != nil {
			d.changed(env, mtu)
		}
	}
	if d.stopped { // by send or changed
		return
	}
	_ = d.timer.ResetAt(d.p.Next()) // on the loop it succeeds
}
