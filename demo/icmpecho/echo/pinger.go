// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"errors"
	"net/netip"
	"time"

	"protean/proto"
	"protean/proto/wire"
)

// A Pinger sends echo requests to one address and accounts for them. It sends
// on a schedule fixed at the start, whatever comes back: a slow answer delays
// nothing.
type Pinger struct {
	Config Config // not to be changed once the Pinger is registered

	dst     netip.Addr // Config.Dst without a zone
	src     netip.Addr // not valid: the host chooses
	out     int        // interface that requests go out by, 0 if not known
	zones   zones
	dialect *dialect

	start  time.Time // of the first request; send times count from here
	due    int64     // when the next request is scheduled, since start
	latest int64     // when the last event was, since start
	window window
	stats  Stats

	cookie   uint64
	template []byte // data of a request, but for its number

	next, end, route *proto.Timer
	drained          bool // all requests are sent
	started          bool
	over             bool
	event            Event
}

var (
	_ proto.Handler      = (*Pinger)(nil)
	_ proto.Starter      = (*Pinger)(nil)
	_ proto.ErrorHandler = (*Pinger)(nil)
)

// A dialect is what differs between the two families.
type dialect struct {
	protocol       uint8
	request, reply uint8 // message types
}

var (
	icmp4 = dialect{wire.ProtoICMP, wire.ICMPv4Echo, wire.ICMPv4EchoReply}
	icmp6 = dialect{wire.ProtoICMPv6, wire.ICMPv6Echo, wire.ICMPv6EchoReply}
)

func dialectOf(a netip.Addr) *dialect {
	if a.Is6() {
		return &icmp6
	}
	return &icmp4
}

// Protocol returns the protocol number to register the Pinger for: 1 if
// Config.Dst is IPv4, else 58.
func (p *Pinger) Protocol() uint8 { return dialectOf(p.Config.Dst).protocol }

// Start checks the configuration and schedules the first request. Errors: a
// *[ConfigError]; that there is no route to the destination.
func (p *Pinger) Start(env *proto.Env) error {
	c := &p.Config
	if p.started {
		return errors.New("echo: a Pinger can be registered once")
	}
	if err := c.withDefaults(); err != nil {
		return err
	}
	p.src, p.out = c.Src, c.IfIndex
	err := p.findSource(env)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) && !c.Dst.IsMulticast() && c.Dst.Zone() == "" {
		return err
	}
	p.started = true
	p.dst, p.dialect = c.Dst.WithZone(""), dialectOf(c.Dst)
	for c.ID == 0 {
		c.ID = uint16(env.Rand().Uint32())
	}
	p.cookie = env.Rand().Uint64()
	p.template = newTemplate(c.Size, p.cookie)
	remembered := c.Count
	if c.Deadline > 0 {
		remembered = 0 // Count is about answers then
	}
	p.window.init(remembered)
	p.start = env.Now().Add(c.Offset)
	p.next, p.end, p.route = env.NewTimer(p.send), env.NewTimer(p.expire), env.NewTimer(p.reroute)
	if err := p.route.ResetAt(p.start.Add(c.rerouteEvery() + c.Interval/2)); err != nil {
		return err
	}
	if c.Deadline > 0 {
		if err := p.end.Reset(c.Deadline); err != nil {
			return err
		}
	}
	return p.next.ResetAt(p.start)
}

// rerouteEvery is how often the source address is looked up: about every five
// seconds, in whole intervals, so that it stays between two requests.
func (c *Config) rerouteEvery() time.Duration { return c.Interval * (5*time.Second/c.Interval + 1) }

// findSource finds out from where requests go out. Left to the host, that would
// be part of sending a request, and the time it takes of the round trip.
func (p *Pinger) findSource(env *proto.Env) error {
	c := &p.Config
	r, err := env.Route(c.Dst, c.IfIndex)
	p.zones = zones{} // an interface may have got another name
	if r.IfIndex != 0 {
		p.out = r.IfIndex
	}
	if err == nil && !c.Src.IsValid() && r.Src.IsValid() && r.Src.Is4() == c.Dst.Is4() {
		p.src = r.Src.WithZone("")
	}
	return err
}

// Source returns the address that requests go out from, once the Pinger is
// registered and before its host runs; the zero Addr if the host chooses it.
func (p *Pinger) Source() netip.Addr { return p.src }

// reroute looks for a new source address, between two requests. Without a route
// the latest one stays in use, and sending tells what is wrong.
func (p *Pinger) reroute(env *proto.Env) {
	_ = p.findSource(env)
	_ = p.route.Reset(p.Config.rerouteEvery()) // fails on a closed binding only
}

// now is the time of the callback, in nanoseconds since the start.
func (p *Pinger) now(env *proto.Env) int64 { return int64(env.Now().Sub(p.start)) }

// Stats returns the account so far. Elapsed counts to the last event.
func (p *Pinger) Stats() Stats {
	s := p.stats
	s.Elapsed = time.Duration(p.latest)
	return s
}

// Over reports whether the Pinger has ended.
func (p *Pinger) Over() bool { return p.over }

// Interrupt ends the Pinger now. Requests that could still be answered count as
// in flight.
func (p *Pinger) Interrupt(env *proto.Env) { p.finish(env, true) }

// patience is how long a request at the end waits: twice the longest round
// trip, but at least the interval and at most the timeout.
func (p *Pinger) patience() int64 {
	return int64(min(p.Config.Timeout, max(2*p.stats.RTT.Max, p.Config.Interval)))
}

// settled is called when there may be nothing left to wait for.
func (p *Pinger) settled(env *proto.Env) {
	c := &p.Config
	switch {
	case p.over:
	case c.Deadline > 0:
		if c.Count > 0 && p.stats.Received >= c.Count {
			p.finish(env, true)
		}
	case !p.drained:
	case p.window.open == 0:
		p.finish(env, false)
	default:
		p.arm(p.lastWait())
	}
}

// lastWait is until when answers are waited for once all requests are sent.
func (p *Pinger) lastWait() int64 {
	wait := p.patience()
	if p.stats.Received == 0 {
		wait = int64(p.Config.Timeout)
	}
	return p.window.sent[p.window.last&p.window.mask] + wait
}

// arm sets the timer that ends it all; its error could only be that the binding
// is closed, and then nothing is left to do.
func (p *Pinger) arm(at int64) { _ = p.end.ResetAt(p.start.Add(time.Duration(at))) }

// expire ends it: at the deadline, or when the last answer did not come.
func (p *Pinger) expire(env *proto.Env) {
	if p.Config.Deadline > 0 {
		p.finish(env, true)
		return
	}
	p.tellWaiting(env)
	p.finish(env, false)
}

// finish ends it. If cut, it ends before its time, and what is still on its way
// is not lost.
func (p *Pinger) finish(env *proto.Env, cut bool) {
	if p.over || !p.started {
		return
	}
	p.over = true
	p.next.Stop()
	p.end.Stop()
	p.route.Stop()
	if cut {
		p.stats.InFlight = p.window.young(p.now(env), p.patience())
	}
	if p.Config.Done != nil {
		p.Config.Done()
	}
}

// report hands p.event on.
func (p *Pinger) report() {
	if p.Config.Report != nil {
		p.Config.Report(&p.event)
	}
}
