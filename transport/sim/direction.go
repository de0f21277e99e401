// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import "protean/transport/impair"

// A direction carries packets from one port to another: half a link, or a
// node's loopback interface. What happens to them is up to a pipe.
type direction struct {
	net      *Network
	link     *Link // nil: loopback
	name     string
	back     bool
	from, to *Port
	mtu      int

	pipe *impair.Pipe[struct{}]
	src  source // happens when the pipe is to be called
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
		d.pipe = impair.NewPipe[struct{}](d, p, &d.net.seq)
		return
	}
	d.pipe.Set(p)
	d.schedule()
}

func (d *direction) up() bool { return d.link == nil || !d.link.down }

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
// data came from buffers.get, and kept reports whether it was kept. left is
// when the packet has left the sender, or -1 if it never will.
func (d *direction) send(data []byte, now int64, whole bool) (left int64, kept bool) {
	number := d.offer(data, now)
	if !d.up() {
		d.pipe.Refuse(impair.Cleared)
		if len(d.net.taps) != 0 {
			d.trace(Down, now, number, false, data)
		}
		return -1, false
	}
	o, left, _ := d.pipe.Push(number, data, whole, struct{}{}, now, false)
	d.schedule()
	return left, whole && o == impair.Kept
}

// schedule has the pipe called when it wants to be.
func (d *direction) schedule() {
	at, seq, ok := d.pipe.Next()
	h := &d.net.heap
	switch {
	case !ok:
		h.remove(&d.src)
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
	d.net.heap.remove(&d.src)
}

// The carrier of the pipe.
var _ impair.Carrier[struct{}] = (*direction)(nil)

// Get implements [impair.Carrier].
func (d *direction) Get(n int) []byte { return d.net.bufs.get(n) }

// Put implements [impair.Carrier].
func (d *direction) Put(b []byte) { d.net.bufs.put(b) }

// Arrive implements [impair.Carrier].
func (d *direction) Arrive(p impair.Packet[struct{}]) {
	if len(d.net.taps) != 0 {
		d.trace(Delivered, p.Time, p.Number, p.Copy != 0, p.Data)
	}
	d.to.node.receive(d.to, p.Data, p.Time)
}

// Note implements [impair.Carrier].
func (d *direction) Note(f impair.Fate, p impair.Packet[struct{}]) {
	if len(d.net.taps) != 0 {
		at := p.Time
		if f == impair.Cleared {
			at = d.net.clock()
		}
		d.trace(fateOf(f), at, p.Number, p.Copy != 0, p.Data)
	}
}
