// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"protean/transport"
)

// A Transport is a transport that impairs the packets of another. It is found
// by As[*impair.Transport] in what [New] returns.
type Transport struct {
	inner  transport.Transport
	caps   transport.Caps
	clock  transport.Clock  // nil: the system's
	base   time.Time        // system: when it began
	router transport.Router // nil: there is none
	link   Link
	limit  int
	queues []*queue
	timer  transport.Timer // nil if stepped

	close sync.Once
	err   error // of close

	mu     sync.Mutex // guards all below, pipes and queues included
	closed bool
	calls  int           // in flight
	idle   chan struct{} // closed when there are none any longer
	armed  int64         // when the timer expires; 0: it is not armed
	now    int64         // the latest time that was seen

	cleanOut, cleanIn bool // there are no stages for what is sent, or received

	mtu   int // of the interfaces, if a stage refuses what is larger; 0: none does
	least int // the least MTU that an interface below has had

	seq    uint64
	out    *Pipe[outgoing]
	in     *Pipe[incoming]
	memory buffers

	stats             transport.Stats // without what the pipes and the transport below count
	failed, discarded uint64          // see Counts

	all  bool // all protocols are bound
	bits [4]uint64
}

var _ transport.Transport = (*Transport)(nil)

// Counts is what a [Transport] counts beside transport.Stats.
type Counts struct {
	Out, In Stats

	// Failed is the number of packets that the transport below refused after
	// Commit had accepted them. Each is reported by an event of kind
	// ErrorReceived.
	Failed uint64

	// Discarded is the number of packets that were not sent since their IPv4
	// header was corrupted: the kernel would have made its checksum right
	// again, where the first router would have dropped them.
	Discarded uint64
}

// New returns a decorator of t that impairs what is sent and received. It owns
// t from now on, which its Close closes. Errors: *[StageError], *[ConfigError].
//
// A packet that something delays is copied, and sent or delivered when its time
// has come. What the transport below says of it then, or what it finds wrong
// with it, comes as an event. Packets that nothing delays are delivered in
// place, and the errors about them are those of Commit.
//
// Over a transport in virtual time that is driven step by step, its user has to
// be driven through [Transport.Stepper].
func New(t transport.Transport, cfg *Config) (transport.Transport, error) {
	var c Config
	if cfg != nil {
		c = *cfg
	}
	if c.Name == "" {
		c.Name = "impair"
	}
	if c.Limit == 0 {
		c.Limit = DefaultLimit
	}
	if c.Limit < 0 {
		return nil, &ConfigError{"Limit", "is negative"}
	}
	d := &Transport{
		inner: t, caps: t.Caps(), base: time.Now(), limit: c.Limit,
		link: Link{Name: c.Name, Seed: c.Seed, Hook: Hook{Filter: c.Filter, Recorder: c.Recorder}},
	}
	d.clock, _ = transport.As[transport.Clock](t)
	d.router, _ = transport.As[transport.Router](t)
	d.least = maxPacket
	for _, i := range t.Interfaces() {
		d.least = min(d.least, i.MTU)
	}
	out, in, err := d.link.Compile(c.Out, c.In)
	if err != nil {
		return nil, err
	}
	d.out = NewPipe[outgoing](sending{d}, out, &d.seq)
	d.in = NewPipe[incoming](receiving{d}, in, &d.seq)
	d.adopt(c.Out, c.In)
	for _, q := range t.Queues() {
		d.queues = append(d.queues, newQueue(d, q))
	}
	if !d.caps.Stepped {
		d.timer = newTimer(t, d.tick)
	}
	if d.router != nil {
		return &routed{d}, nil
	}
	return d, nil
}

// Set has the transport go on with other pipelines. Packets under way finish
// what they have begun; queues, bursts and translators of addresses begin anew.
// If the MTU changes, an event of kind LinkChanged tells for each interface.
// Errors: *[StageError], net.ErrClosed.
func (t *Transport) Set(out, in Pipeline) error {
	o, i, err := t.link.Compile(out, in)
	if err != nil {
		return err
	}
	all := t.inner.Interfaces()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	was := t.mtu
	t.out.Set(o)
	t.in.Set(i)
	t.adopt(out, in)
	t.arm()
	if t.mtu != was {
		q := t.queues[0]
		for k := range all {
			t.shrink(&all[k])
			q.noteLink(&all[k])
		}
		q.inner.Wake()
	}
	return nil
}

// adopt notes what a pipeline means for the transport as a whole.
func (t *Transport) adopt(out, in Pipeline) {
	t.cleanOut, t.cleanIn = len(out) == 0, len(in) == 0
	t.mtu, _ = out.RefusedAbove()
}

// shrink lowers the MTU of an interface to that of the pipeline.
func (t *Transport) shrink(i *transport.Interface) {
	if t.mtu > 0 {
		i.MTU = min(i.MTU, t.mtu)
	}
}

// Unwrap returns the transport below.
func (t *Transport) Unwrap() transport.Transport { return t.inner }

// Queues implements [transport.Transport].
func (t *Transport) Queues() []transport.Queue {
	all := make([]transport.Queue, len(t.queues))
	for i, q := range t.queues {
		all[i] = q
	}
	return all
}

// Caps implements [transport.Transport]: those of the transport below.
func (t *Transport) Caps() transport.Caps { return t.caps }

// Interfaces implements [transport.Transport]: those of the transport below,
// their MTU no larger than that of a stage that refuses packets above it.
func (t *Transport) Interfaces() []transport.Interface {
	all := t.inner.Interfaces()
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range all {
		t.shrink(&all[i])
	}
	return all
}

// A routed transport knows the routes of the one below.
type routed struct{ *Transport }

// Unwrap returns the decorator itself.
func (r *routed) Unwrap() transport.Transport { return r.Transport }

// Route implements [transport.Router].
func (r *routed) Route(dst netip.Addr, ifindex int) (transport.Route, error) {
	route, err := r.router.Route(dst, ifindex)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mtu > 0 && route.MTU > 0 {
		route.MTU = min(route.MTU, r.mtu)
	}
	return route, err
}

// maxPacket is the largest IP packet: an IPv6 header and the largest payload.
const maxPacket = 40 + 65535

// tooBig returns the error for a packet that the transport below would refuse
// since it is larger than the MTU of its way, nil if it would not. That has to
// be known before the packet is delayed, and is looked at only if some interface
// has so small an MTU.
func (t *Transport) tooBig(s *transport.Slot) error {
	t.mu.Lock()
	mtu, least := t.mtu, t.least
	t.mu.Unlock()
	size := len(s.Data)
	if mtu > 0 && size > mtu {
		return &transport.TooBigError{Size: size, MTU: mtu}
	}
	if size <= least || t.caps.Fragments || t.router == nil {
		return nil
	}
	_, dst := addresses(s.Data, s.Data[0]>>4 == 6)
	if r, err := t.router.Route(dst, int(s.IfIndex)); err == nil && r.MTU > 0 && size > r.MTU {
		return &transport.TooBigError{Size: size, MTU: r.MTU}
	}
	return nil
}
