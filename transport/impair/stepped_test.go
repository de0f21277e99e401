// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/impair"
)

const proto = 253

// packet returns a packet from a to b, or back, of n bytes with a number.
func packet(back bool, n, number int) []byte {
	b := make([]byte, n)
	src, dst := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	if back {
		src, dst = dst, src
	}
	f := wire.IPv4Fields{TTL: 64, ID: 1, Protocol: proto, Src: src, Dst: dst, PayloadLen: n - 20}
	if err := f.Marshal(b); err != nil {
		panic(err)
	}
	binary.BigEndian.PutUint32(b[20:], uint32(number))
	return b
}

// commit sends a packet by the first queue of a transport.
func commit(tb testing.TB, t transport.Transport, data []byte) error {
	tb.Helper()
	q := t.Queues()[0]
	var b transport.Batch
	check(tb, q.Reserve(&b, 1))
	b.Slots[0].Data = append(b.Slots[0].Data, data...)
	b.Slots[0].Cookie = 7
	_, err := q.Commit(&b, 1)
	if err != nil {
		b.Drop()
		q.Commit(&b, 0)
	}
	return err
}

// A program is a Stepper that keeps what it receives.
type program struct {
	tb     testing.TB
	t      transport.Transport
	got    []int
	at     []time.Duration
	sizes  []int
	events []transport.Event
	start  time.Time
	now    time.Time
}

func (p *program) Poll(now time.Time) (time.Time, error) {
	p.now = now
	_, err := p.t.Queues()[0].Recv(p, 1000)
	return time.Time{}, err
}

func (p *program) Deliver(pk *transport.Packet) {
	p.got = append(p.got, int(binary.BigEndian.Uint32(pk.Payload())))
	p.at = append(p.at, p.now.Sub(p.start))
	p.sizes = append(p.sizes, len(pk.Data))
}

func (p *program) Event(e *transport.Event) {
	c := *e
	if e.Err != nil {
		err := *e.Err
		c.Err = &err
	}
	if e.Interface != nil {
		i := *e.Interface
		c.Interface = &i
	}
	p.events = append(p.events, c)
}

// A rig is a decorated node and one that is not, stepped, with programs.
type rig struct {
	*pair
	d      transport.Transport // the decorator of a
	it     *impair.Transport
	pa, pb *program
}

func newRig(tb testing.TB, cfg *impair.Config) *rig {
	tb.Helper()
	r := &rig{pair: newPair(tb, false)}
	var err error
	r.d, err = impair.New(r.ta, cfg)
	check(tb, err)
	r.it, _ = transport.As[*impair.Transport](r.d)
	start := r.n.Now()
	r.pa = &program{tb: tb, t: r.d, start: start}
	r.pb = &program{tb: tb, t: r.tb, start: start}
	check(tb, r.d.Bind(proto))
	check(tb, r.tb.Bind(proto))
	check(tb, r.n.Attach(r.ta, r.it.Stepper(r.pa)))
	check(tb, r.n.Attach(r.tb, r.pb))
	return r
}

func TestOverASteppedNetworkEverythingHappensInVirtualTime(t *testing.T) {
	r := newRig(t, &impair.Config{
		Out: impair.Pipeline{impair.Delay{Time: 3 * time.Millisecond}},
		In:  impair.Pipeline{impair.Delay{Time: 5 * time.Millisecond}, impair.Duplicate{P: 1, Delay: time.Millisecond}},
	})
	check(t, r.n.Run(time.Millisecond))
	for i := range 3 {
		check(t, commit(t, r.d, packet(false, 100, i)))
		check(t, commit(t, r.tb, packet(true, 100, i)))
		r.tb.Queues()[0].Wake()
		r.ta.Queues()[0].Wake() // the decorator is asked when it wants to be called
		check(t, r.n.Run(time.Millisecond))
	}
	check(t, r.n.Run(time.Second))
	ms := time.Millisecond
	if !slices.Equal(r.pb.got, []int{0, 1, 2}) || !slices.Equal(r.pb.at, []time.Duration{4 * ms, 5 * ms, 6 * ms}) {
		t.Errorf("sent packets %v arrive at %v", r.pb.got, r.pb.at)
	}
	if !slices.Equal(r.pa.got, []int{0, 0, 1, 1, 2, 2}) || !slices.Equal(r.pa.at, []time.Duration{6 * ms, 7 * ms, 7 * ms, 8 * ms, 8 * ms, 9 * ms}) {
		t.Errorf("received packets %v arrive at %v", r.pa.got, r.pa.at)
	}
}

// TestTheDecoratorLosesWhatALinkWouldLose: the same seed and name mean the same
// faults, whatever a pipeline is part of.
func TestTheDecoratorLosesWhatALinkWouldLose(t *testing.T) {
	const n = 2000
	text := "gemodel 2% 20% loss 5% duplicate 5%"
	var forth impair.Recorder
	r := newRig(t, &impair.Config{Name: "x", Seed: 5, Out: parse(t, text), In: parse(t, text), Recorder: &forth})
	for i := range n {
		check(t, commit(t, r.d, packet(false, 60, i)))
		check(t, commit(t, r.tb, packet(true, 60, i)))
		check(t, r.n.Run(time.Microsecond))
	}
	check(t, r.n.Run(time.Second))
	c := r.it.Counts()
	for what, s := range map[string]impair.Stats{"out": c.Out, "in": c.In} {
		if s.Offered != n || s.Lost == 0 || s.Duplicated == 0 || s.Delivered+s.Lost != n || s.InFlight != 0 {
			t.Errorf("%s: %+v", what, s)
		}
	}
	if got := len(r.pb.got); uint64(got) < c.Out.Delivered || uint64(got) > c.Out.Delivered+c.Out.Duplicated {
		t.Errorf("%d packets arrived, counted is %+v", got, c.Out)
	}
	s := r.it.Stats()
	if s.Received != s.Delivered+s.Dropped.Total() || s.Delivered != uint64(len(r.pa.got)) || s.Dropped[transport.LinkLoss] < c.In.Lost {
		t.Errorf("received %d: %+v; %+v", len(r.pa.got), s, c.In)
	}
	if s.Committed != n || s.Sent != uint64(len(r.pb.got)) {
		t.Errorf("sent: %+v", s)
	}
	for _, f := range forth.Schedule() {
		if f.Link != "x" {
			t.Fatalf("a fault of link %q", f.Link)
		}
	}
	// The other way round, only the recorded faults of half of the packets.
	var half impair.Schedule
	for _, id := range forth.Schedule() {
		if id.Number < n/2 {
			half = append(half, id)
		}
	}
	r2 := newRig(t, &impair.Config{Name: "x", Seed: 5, Out: parse(t, text), In: parse(t, text), Filter: half.Filter()})
	for i := range n {
		check(t, commit(t, r2.d, packet(false, 60, i)))
	}
	check(t, r2.n.Run(time.Second))
	second := func(all []int) (late []int) {
		for _, k := range all {
			if k >= n/2 {
				late = append(late, k)
			}
		}
		return late
	}
	if got := second(r2.pb.got); len(got) != n/2 {
		t.Errorf("%d of %d packets arrive that no fault was allowed to strike", len(got), n/2)
	}
	if first := len(r2.pb.got) - n/2; first != len(r.pb.got)-len(second(r.pb.got)) {
		t.Errorf("of the first half %d arrive, before it were %d", first, len(r.pb.got)-len(second(r.pb.got)))
	}
}

func TestWhatIsRefusedLaterIsReported(t *testing.T) {
	r := newRig(t, &impair.Config{Out: impair.Pipeline{impair.Delay{Time: time.Millisecond}}})
	var b transport.Batch
	q := r.d.Queues()[0]
	for i := range 100 {
		check(t, q.Reserve(&b, 1))
		s := &b.Slots[0]
		s.Data = append(s.Data, packet(false, 60, i)...)
		s.IfIndex, s.Cookie = 9, uint64(i) // there is no such interface
		_, err := q.Commit(&b, 1)
		check(t, err)
	}
	check(t, commit(t, r.d, packet(false, 60, 100)))
	check(t, r.n.Run(time.Second))
	check(t, r.n.Run(time.Second))
	if c := r.it.Counts(); c.Failed != 100 || !slices.Equal(r.pb.got, []int{100}) {
		t.Errorf("%d packets failed, %v arrived", c.Failed, r.pb.got)
	}
	var errs []*transport.NetworkError
	for _, e := range r.pa.events {
		if e.Kind == transport.ErrorReceived {
			errs = append(errs, e.Err)
		}
	}
	if len(errs) == 0 || len(errs) > 64 {
		t.Fatalf("%d events", len(errs))
	}
	for i, e := range errs {
		if !errors.Is(e, syscall.ENODEV) || e.Cookie != uint64(i) || e.Origin != transport.OriginLocal || e.Protocol != proto ||
			e.Dst != netip.MustParseAddr("10.0.0.2") || e.ID != 1 || e.Size != 60 {
			t.Fatalf("event %d is %+v", i, e)
		}
	}
}

func TestAnMTUThatRefuses(t *testing.T) {
	r := newRig(t, &impair.Config{Out: impair.Pipeline{impair.MTU{Bytes: 1000, Refuse: true}}})
	mtu := func() int { return r.d.Interfaces()[1].MTU }
	route := func() int {
		router, ok := transport.As[transport.Router](r.d)
		if !ok {
			t.Fatal("there is no router")
		}
		way, err := router.Route(netip.MustParseAddr("10.0.0.2"), 0)
		check(t, err)
		return way.MTU
	}
	if mtu() != 1000 || route() != 1000 {
		t.Errorf("MTU %d of the interface, %d of the route", mtu(), route())
	}
	check(t, commit(t, r.d, packet(false, 1000, 1)))
	err := commit(t, r.d, packet(false, 1001, 2))
	if big, ok := err.(*transport.TooBigError); !ok || big.MTU != 1000 || big.Size != 1001 {
		t.Errorf("Commit of 1001 bytes returned %v", err)
	}
	check(t, r.n.Run(time.Second))
	r.pa.events = nil
	check(t, r.it.Set(nil, nil))
	check(t, commit(t, r.d, packet(false, 1500, 3)))
	check(t, r.n.Run(time.Second))
	if !slices.Equal(r.pb.got, []int{1, 3}) || mtu() != 1500 || route() != 1500 {
		t.Errorf("arrived %v, MTU now %d and %d", r.pb.got, mtu(), route())
	}
	if len(r.pa.events) != 2 || r.pa.events[1].Interface.MTU != 1500 {
		t.Errorf("events %+v", r.pa.events)
	}
}

func TestACorruptedHeaderIsNotSentWithARightChecksum(t *testing.T) {
	r := newRig(t, &impair.Config{Seed: 1, Out: parse(t, "corrupt 50% header"), In: parse(t, "corrupt 50% header")})
	const n = 200
	for i := range n {
		check(t, commit(t, r.d, packet(false, 60, i)))
		check(t, commit(t, r.tb, packet(true, 60, i)))
	}
	check(t, r.n.Run(time.Second))
	c := r.it.Counts()
	if c.Discarded != c.Out.Corrupted || uint64(len(r.pb.got)) != n-c.Discarded || c.Discarded < n/4 {
		t.Errorf("%d of %d arrived: %+v", len(r.pb.got), n, c)
	}
	if s := r.it.Stats(); s.Dropped[transport.Malformed] != c.In.Corrupted || s.Delivered != n-c.In.Corrupted || c.In.Corrupted < n/4 {
		t.Errorf("received: %+v, %+v", s, c.In)
	}
}

func TestThereIsALimitToWhatIsUnderWay(t *testing.T) {
	r := newRig(t, &impair.Config{Out: parse(t, "delay 1s"), In: parse(t, "delay 1s"), Limit: 10})
	q := r.d.Queues()[0]
	sent := 0
	for range 20 {
		var b transport.Batch
		if err := q.Reserve(&b, 1); err != nil {
			if err != transport.ErrNoSlots {
				t.Fatal(err)
			}
			break
		}
		b.Slots[0].Data = append(b.Slots[0].Data, packet(false, 60, sent)...)
		_, err := q.Commit(&b, 1)
		check(t, err)
		sent++
	}
	if sent != 10 {
		t.Errorf("%d packets were taken", sent)
	}
	for i := range 15 {
		check(t, commit(t, r.tb, packet(true, 60, i)))
	}
	check(t, r.n.Run(10*time.Second))
	if s := r.it.Stats(); len(r.pa.got) != 10 || s.Dropped[transport.QueueFull] != 5 || len(r.pb.got) != 10 {
		t.Errorf("%d arrived here, %d there: %+v", len(r.pa.got), len(r.pb.got), s)
	}
	var b transport.Batch
	check(t, q.Reserve(&b, 1)) // there is room again
	q.Commit(&b, 0)
}

func TestPacketsOnTheirWayAreNotDeliveredAfterUnbind(t *testing.T) {
	r := newRig(t, &impair.Config{In: parse(t, "delay 10ms")})
	check(t, commit(t, r.tb, packet(true, 60, 1)))
	check(t, r.n.Run(time.Millisecond))
	check(t, r.d.Unbind(proto))
	check(t, r.n.Run(time.Second))
	if s := r.it.Stats(); len(r.pa.got) != 0 || s.Dropped.Total() != 1 || s.Received != 1 {
		t.Errorf("delivered %v: %+v", r.pa.got, s)
	}
}

func TestSettingsThatAreWrongAreRefused(t *testing.T) {
	p := newPair(t, false)
	for _, c := range []*impair.Config{
		{Limit: -1}, {Out: impair.Pipeline{impair.Loss{P: 2}}}, {In: impair.Pipeline{impair.Rate{}}},
		{Out: impair.Pipeline{impair.Masquerade{Outside: netip.MustParseAddr("192.0.2.1")}}},
	} {
		if _, err := impair.New(p.ta, c); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
	d, err := impair.New(p.ta, nil)
	check(t, err)
	it, ok := transport.As[*impair.Transport](d)
	if !ok || it.Set(impair.Pipeline{impair.Denat{}}, nil) == nil {
		t.Error("Set accepts what New refuses")
	}
	if _, ok := transport.As[transport.ForeignReceiver](d); !ok {
		t.Error("an ability of the transport below is not found")
	}
}

func TestMTUsThatChangeWhileNobodyReceivesAreToldOnce(t *testing.T) {
	p := newPair(t, false)
	d, err := impair.New(p.ta, nil)
	check(t, err)
	it, _ := transport.As[*impair.Transport](d)
	got := &program{tb: t, t: d}
	_, err = got.Poll(p.n.Now()) // what the network has to tell at first
	check(t, err)
	for i := range 500 {
		check(t, it.Set(impair.Pipeline{impair.MTU{Bytes: 500 + i, Refuse: true}}, nil))
	}
	got.events = nil
	_, err = got.Poll(p.n.Now())
	check(t, err)
	check(t, err)
	mtus := map[int]int{}
	for _, e := range got.events {
		if e.Kind == transport.LinkChanged {
			mtus[e.Interface.Index] = e.Interface.MTU
		}
	}
	all := d.Interfaces()
	if len(got.events) != len(all) {
		t.Errorf("%d events about %d interfaces", len(got.events), len(all))
	}
	for _, i := range all {
		if mtus[i.Index] != 999 || i.MTU != 999 {
			t.Errorf("interface %s: told an MTU of %d, has %d, want 999", i.Name, mtus[i.Index], i.MTU)
		}
	}
}
