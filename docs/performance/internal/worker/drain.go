// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"time"

	"protean/proto"
	"protean/transport/afpacket"
)

// A drain is a host whose rings fill before it begins to work: what it does then
// needs no sender beside it, which would take one of the CPUs.
type drain struct {
	*host
	begin chan struct{}
	start time.Time
	by    []drained
}

// drained is what one queue has done; no two queues share a cache line.
type drained struct {
	packets uint64
	last    byte
	took    time.Duration // from the start to the end of the last batch
	_       [104]byte
}

func openDrain(o *Options) (Session, error) {
	s, err := newHost(o, packets(afpacket.V3))
	if err != nil {
		return nil, err
	}
	d := &drain{host: s, begin: make(chan struct{}), by: make([]drained, o.Queues)}
	_, err = s.h.Handle(Protocol, d)
	return d, err
}

// HandlesConcurrently has queues work beside each other.
func (d *drain) HandlesConcurrently() {}

// HandlePacket counts p and reads one byte.
func (d *drain) HandlePacket(env *proto.Env, p *proto.Packet) error {
	q := &d.by[env.Queue()]
	q.packets++
	if b := p.Payload(); len(b) > 0 {
		q.last = b[0]
	}
	return nil
}

// EndBatch notes the time.
func (d *drain) EndBatch(env *proto.Env) error {
	d.by[env.Queue()].took = time.Since(d.start)
	return nil
}

func (d *drain) Run() error {
	<-d.begin
	d.start = time.Now()
	return d.host.Run()
}

// Mark has the host begin.
func (d *drain) Mark() { close(d.begin) }

// Took returns how long it took until the last queue was empty.
func (d *drain) Took() (t time.Duration) {
	for i := range d.by {
		t = max(t, d.by[i].took)
	}
	return t
}

func (d *drain) Counted() (packets, lost uint64) {
	for i := range d.by {
		packets += d.by[i].packets
	}
	return packets, d.lost()
}
