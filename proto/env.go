// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"protean/transport"
)

// An Env is all that a handler touches of the world. It is valid during the
// callback it is passed to, on that callback's goroutine only. Afterwards,
// methods that return an error return ErrNotOnLoop, and After and OnRoom panic
// with it.
type Env struct {
	b     *Binding
	o     *outbox
	queue int
	live  bool
	ends  bool   // EndBatch is due
	taken uint64 // packets taken in this pass, to be published at its end

	_ [24]byte // loops of several queues do not write to the same cache line
}

func (e *Env) nowNs() int64 { return e.o.time() }

// Now returns the current time: one instant for the whole callback. It is on
// the clock of the transport, as are the times of packets: the system's, or an
// in-memory network's virtual time; under Poll, the time given to it.
func (e *Env) Now() time.Time { return e.b.host.toTime(e.o.time()) }

// Rand returns the binding's source of random numbers, seeded from
// Config.Seed. It may be used on the loop only.
func (e *Env) Rand() *rand.Rand { return e.b.rand }

// Binding returns the binding whose callback this is.
func (e *Env) Binding() *Binding { return e.b }

// Queue returns the index of the transport queue on whose loop the callback
// runs. It matters to Concurrent handlers.
func (e *Env) Queue() int { return e.queue }

// Log returns the host's log.
func (e *Env) Log() *slog.Logger { return e.b.host.cfg.Log }

// Interfaces returns a snapshot of the transport's interfaces. It belongs to
// the caller.
func (e *Env) Interfaces() []transport.Interface { return e.b.host.t.Interfaces() }

// Interface returns the interface of a name as the host knows it, which takes no system
// call. ok is false if there is none.
func (e *Env) Interface(name string) (f transport.Interface, ok bool) {
	if i := e.b.host.links.Load().byName(name); i != nil {
		return i.Clone(), true
	}
	return transport.Interface{}, false
}

// NewTimer returns a timer, not armed, that will call f on the loop.
func (e *Env) NewTimer(f func(*Env)) *Timer { return &Timer{b: e.b, f: f, pos: -1} }

// After is NewTimer and Reset in one. It panics with ErrNotOnLoop outside the
// loop, where HandlePacket of a Concurrent handler is, too.
func (e *Env) After(d time.Duration, f func(*Env)) *Timer {
	if !e.onLoop() {
		panic(ErrNotOnLoop)
	}
	t := e.NewTimer(f)
	_ = t.Reset(d) // on the loop it succeeds
	return t
}

// onLoop reports whether this is the Env of the callback that holds the lock.
func (e *Env) onLoop() bool { return e.live && e.b.lock.locked() && e.b.active == e }

// Send sends a packet with this header and a copy of payload. The error may be
// a *HeaderError, ErrNeedInterface, a *transport.TooBigError, ErrNoSlots, or
// that there is no route.
func (e *Env) Send(hd Header, payload []byte) error {
	s, err := e.Reserve(hd, len(payload))
	if err != nil {
		return err
	}
	copy(s.Payload(), payload)
	return s.Commit()
}

// Reserve opens a slot for a packet with this header and n bytes of payload,
// which is made in place. One slot can be open at a time.
func (e *Env) Reserve(hd Header, n int) (*Slot, error) {
	if !e.live {
		return nil, ErrNotOnLoop
	}
	return e.o.reserveFor(e.b, &hd, n)
}

// Reply opens a slot for an answer to p, with n bytes of payload: to p's
// source, through p's interface, with p's protocol, and with p's type of
// service without its ECN bits. The source is p's destination if that is a
// unicast address of this host, or else chosen. A packet whose source cannot be
// answered, being unspecified, multicast or broadcast, or a loopback address that came
// through another interface, is a *HeaderError.
func (e *Env) Reply(p *Packet, n int) (*Slot, error) {
	if !e.live {
		return nil, ErrNotOnLoop
	}
	if e.o.slot.open {
		return nil, ErrSlotOpen
	}
	hd := Header{Dst: p.Src(), IfIndex: int(p.IfIndex), Protocol: p.Protocol(), TOS: p.TOS() &^ 3}
	h := e.b.host
	links := h.links.Load()
	if hd.Dst.IsUnspecified() || hd.Dst.IsMulticast() || links.isBroadcast(hd.Dst) {
		return nil, &HeaderError{"Dst", "would be an unspecified, multicast or broadcast address"}
	}
	if hd.Dst.IsLoopback() {
		if i := links.byIndex(hd.IfIndex); i != nil && !i.Loopback { // RFC 1122, section 3.2.1.3 (g)
			return nil, &HeaderError{"Dst", "would be a loopback address on another interface"}
		}
	}
	src := p.Dst()
	if !h.isOwn(src, p.Type()) {
		var err error
		if src, err = h.source(hd.Dst, hd.IfIndex, e.o.time()); err != nil {
			return nil, err
		}
	}
	return e.o.open(e.b, &hd, src, n)
}

// Wrap opens a slot for a packet with this header whose payload is head bytes,
// to be written by the caller, followed by a copy of the whole packet p:
// encapsulation. A checksum of TCP or UDP that p's sender left to a device is computed.
func (e *Env) Wrap(hd Header, head int, p *Packet) (*Slot, error) {
	if head < 0 {
		return nil, &HeaderError{"head", "is negative"}
	}
	if p.Truncated() {
		return nil, errTruncated
	}
	s, err := e.Reserve(hd, head+len(p.Data))
	if err != nil {
		return nil, err
	}
	copy(s.Payload()[head:], p.Data)
	completeSum(s.Payload()[head:], p)
	return s, nil
}

// Relay sends a copy of p, as it is, through an interface; 0 leaves that to
// the route. The caller has seen to the TTL. A checksum of TCP or UDP that p's sender
// left to a device is computed. Several segments that a device has merged (Packet.Merged)
// are larger than the MTU, and so a *transport.TooBigError: have the senders' or the
// receiving interface's offloads turned off (ethtool -K, of a veth tso, gso and tx).
func (e *Env) Relay(ifindex int, p *Packet) error {
	switch {
	case !e.live:
		return ErrNotOnLoop
	case p.Truncated():
		return errTruncated
	}
	s, err := e.o.copyPacket(e.b, ifindex, p)
	if err != nil {
		return err
	}
	return s.Commit()
}

// Route returns how a destination is reached, with the MTU of the path as far as
// the host or the transport has learnt it; ifindex 0 leaves the interface open. Transports that know no routes return a *transport.UnsupportedError.
func (e *Env) Route(dst netip.Addr, ifindex int) (transport.Route, error) {
	if !e.live {
		return transport.Route{}, ErrNotOnLoop
	}
	r, err := e.b.host.routes.get(dst, ifindex, e.o.time())
	if err != nil {
		return r, err
	}
	return e.b.host.withPathMTU(r, dst), nil
}

// OnRoom calls f once, on the loop, when there is room to send again after
// ErrNoSlots. It panics with ErrNotOnLoop where After does.
func (e *Env) OnRoom(f func(*Env)) {
	if !e.onLoop() {
		panic(ErrNotOnLoop)
	}
	e.b.onRoom = append(e.b.onRoom, f)
	e.b.host.starve()
}

// Notify has the functions given to Binding.Await looked at again when this
// callback has returned.
func (e *Env) Notify() {
	e.b.notified.Store(true)
	if e.b.concurrent { // the caller may not hold the lock, whose release looks after it
		e.b.needService()
	}
}
