// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"time"

	"protean/transport"
)

// An inbox receives for an endpoint and keeps what belongs to the trial. It is
// used by one goroutine.
type inbox struct {
	x      *trial
	queues []transport.Queue

	packets  []*transport.Packet // of the trial, copied, in order
	seqs     []uint32            // their sequence numbers
	sent     []sentEvent
	calls    uint64 // of Deliver, packets of others included
	accepted func(p *transport.Packet) bool

	// during, if set, runs in Deliver after p was kept.
	during func(p *transport.Packet)
}

// A sentEvent is a transmit stamp, and how many packets of the trial had been
// delivered before it.
type sentEvent struct {
	transport.Sent
	after int
}

// inbox binds protocols for e, proto1 if none is given, and returns an inbox.
func (x *trial) inbox(e *Endpoint, protocols ...int) *inbox {
	if len(protocols) == 0 {
		protocols = []int{proto1}
	}
	for _, p := range protocols {
		x.step("Bind(%d)", p)
		x.noerr(e.Transport.Bind(p), "Bind(%d)", p)
	}
	return x.unbound(e)
}

// unbound returns an inbox for e that binds nothing.
func (x *trial) unbound(e *Endpoint) *inbox {
	return &inbox{x: x, queues: e.Transport.Queues()}
}

// Deliver implements transport.Sink.
func (in *inbox) Deliver(p *transport.Packet) {
	in.calls++
	seq, ok := in.x.seqOf(p)
	if !ok && (in.accepted == nil || !in.accepted(p)) {
		return
	}
	in.packets = append(in.packets, p.Clone())
	in.seqs = append(in.seqs, seq)
	if in.during != nil {
		in.during(p)
	}
}

// Event implements transport.Sink.
func (in *inbox) Event(e *transport.Event) {
	if e.Kind == transport.PacketSent {
		in.sent = append(in.sent, sentEvent{*e.Sent, len(in.packets)})
	}
}

// poll receives from all queues once.
func (in *inbox) poll() int {
	n := 0
	for _, q := range in.queues {
		n += in.recv(q, 64)
	}
	return n
}

// recv receives from q once.
func (in *inbox) recv(q transport.Queue, limit int) int {
	before := in.calls
	n, err := q.Recv(in, limit)
	in.x.noerr(err, "Recv")
	switch delivered := int(in.calls - before); {
	case n != delivered:
		in.x.fatalf("Recv returned %d after %d calls of Deliver", n, delivered)
	case n > max(limit, 0):
		in.x.fatalf("Recv with limit %d delivered %d packets", limit, n)
	}
	return n
}

// until receives until done says so. It uses Wait with a near time only, so
// that what Wait must do by itself is left to the subtests about Wait.
func (in *inbox) until(done func() bool, format string, args ...any) {
	in.x.step(format, args...)
	for in.poll(); !done(); in.poll() {
		for _, q := range in.queues {
			in.x.noerr(q.Wait(time.Now().Add(5*time.Millisecond)), "Wait")
		}
	}
}

// want receives until n packets of the trial are there, and fails if there are
// more.
func (in *inbox) want(n int) {
	in.until(func() bool { return len(in.packets) >= n }, "waiting for %d packets", n)
	if len(in.packets) > n {
		in.x.fatalf("%d packets were delivered, %d were sent: %d", len(in.packets), n, in.seqs)
	}
}

// settle receives for as long as packets under way may take, when the point
// is that none comes.
func (in *inbox) settle() {
	end := time.Now().Add(settleTime)
	in.until(func() bool { return !time.Now().Before(end) }, "looking for packets that must not come")
}

// settleTime is how long a packet is given to arrive when nothing tells that
// it has.
const settleTime = 20 * time.Millisecond

// only fails unless exactly the packets numbered from first to last have been
// delivered, in order.
func (in *inbox) only(first, last uint32) {
	if len(in.seqs) != int(last-first)+1 {
		in.x.fatalf("delivered packets %d, want %d to %d", in.seqs, first, last)
	}
	for i, s := range in.seqs {
		if s != first+uint32(i) {
			in.x.fatalf("delivered packets %d, want %d to %d in order", in.seqs, first, last)
		}
	}
}

// forget empties the inbox.
func (in *inbox) forget() {
	in.packets, in.seqs, in.sent = nil, nil, nil
}
