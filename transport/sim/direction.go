// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"protean/transport/impair"
	"protean/transport/internal/fifo"
)

// A direction carries packets from one port to another: half a link, or a
// node's loopback interface. What happens to them is up to a pipe.
type direction struct {
	net      *Network
	link     *Link // nil: loopback
	name     string
	back     bool
	from, to *Port
	mtu      int

	pipe *impair.Pipe[label]
	src  source // happens when the pipe is to be called

	unsent fifo.Queue[leaving] // packets that have not left the sender
	dead   []span              // packets that had not when it crashed
	apart  uint64              // packets that came out of the pipe, but did not arrive: a partition
	dark   uint64              // the same: one of the ends has crashed
}

// newDirection returns a direction without its pipe.
func newDirection(n *Network, l *Link, name string, from, to *Port, back bool) *direction {
	d := &direction{net: n, link: l, name: name, back: back, from: from, to: to}
	d.src = source{kind: sourcePipe, dir: d}
	return d
}

// setProgram has the direction go on with another program.
func (d *direction) setProgram(p *impair.Program) {
	if d.pipe == nil {
		d.pipe = impair.NewPipe[label](d, p, &d.net.seq)
		return
	}
	d.pipe.Set(p)
	d.schedule()
}

// up reports whether the link is up and both its ends have power.
func (d *direction) up() bool {
	return d.link == nil || !d.link.down && !d.from.node.down && !d.to.node.down
}

// refuse counts a packet larger than the MTU.
func (d *direction) refuse(data []byte, now int64) {
	number := d.offer(data, now)
	d.pipe.Refuse(impair.TooBig)
	if len(d.net.taps) != 0 {
		d.trace(TooBig, now, number, false, data)
	}
}

func (d *direction) offer(data []byte, now int64) (number uint64) {
	number = d.pipe.Offer(len(data))
	if len(d.net.taps) != 0 {
		d.trace(Sent, now, number, false, data)
	}
	return number
}

// send sends a packet whose memory the caller keeps, unless whole is set: then
// data came from buffers.get, and kept reports whether it was kept. l goes with
// the packet. left is when the packet has left the sender, or -1 if it never
// will.
func (d *direction) send(data []byte, now int64, whole bool, l *label) (left int64, kept bool) {
	number := d.offer(data, now)
	if !d.up() {
		d.pipe.Refuse(impair.Cleared)
		if len(d.net.taps) != 0 {
			d.trace(Down, now, number, false, data)
		}
		return -1, false
	}
	o, left := d.pipe.Push(number, data, whole, *l, now)
	d.schedule()
	if left > now {
		d.leaves(number, left, now)
	}
	return left, whole && o == impair.Kept
}

// schedule has the pipe called when it wants to be.
func (d *direction) schedule() {
	at, seq, ok := d.pipe.Next()
	h := &d.net.heap
	switch {
	case !ok:
		h.remove(&d.src)
		d.dead = d.dead[:0] // none of them is left
	case d.src.pos == 0 || h.ev[d.src.pos].at != at || h.ev[d.src.pos].seq != seq:
		h.set(&d.src, at, seq)
	}
}

// next makes happen what the pipe wanted to be called for.
func (d *direction) next() {
	d.pipe.Fire()
	d.schedule()
}

// cut loses what waits or is on its way.
func (d *direction) cut() {
	d.pipe.Clear()
	d.schedule()
}

// The carrier of the pipe.
var _ impair.Carrier[label] = (*direction)(nil)

// Get implements [impair.Carrier].
func (d *direction) Get(n int) []byte { return d.net.bufs.get(n) }

// Put implements [impair.Carrier].
func (d *direction) Put(b []byte) { d.net.bufs.put(b) }

// Arrive implements [impair.Carrier].
func (d *direction) Arrive(p *impair.Packet[label]) {
	if d.to.node.down || len(d.dead) > 0 && d.died(p.Number) {
		d.vanish(p, Down, &d.dark)
		return
	}
	if n := d.net; n.partitions != nil && d.to.node.sw == nil && n.separates(&p.Meta, d.to.node) {
		d.vanish(p, Partitioned, &d.apart)
		return
	}
	if len(d.net.taps) != 0 {
		d.trace(Delivered, p.Time, p.Number, p.Copy != 0, p.Data)
	}
	if sw := d.to.node.sw; sw != nil {
		sw.pass(d.to, p)
		return
	}
	d.to.node.receive(d.to, p.Data, p.Time, &p.Meta)
}

// vanish drops a packet that has come out of the pipe, and counts it unless it
// is a copy.
func (d *direction) vanish(p *impair.Packet[label], f Fate, count *uint64) {
	if p.Copy == 0 {
		*count++
	}
	if len(d.net.taps) != 0 {
		d.trace(f, p.Time, p.Number, p.Copy != 0, p.Data)
	}
	d.net.bufs.put(p.Data)
}

// Note implements [impair.Carrier].
func (d *direction) Note(f impair.Fate, p *impair.Packet[label]) {
	if len(d.net.taps) != 0 {
		at := p.Time
		if f == impair.Cleared {
			at = d.net.clock()
		}
		d.trace(fateOf(f), at, p.Number, p.Copy != 0, p.Data)
	}
}
