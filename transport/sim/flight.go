// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

// A flight is a packet on its way.
type flight struct {
	at     int64
	seq    uint64
	number uint64
	buf    []byte
	epoch  uint32
	copied bool
}

// launch puts a packet on its way: in a queue of which only the head is in the
// heap, or alone if it keeps no order.
func (d *direction) launch(f flight, loose bool) {
	n := d.net
	if loose {
		s := n.take(sourceLoose)
		s.dir, s.loose = d, f
		n.schedule(s, f.at)
		return
	}
	n.seq++
	f.seq = n.seq
	d.last = f.at
	*d.flights.add() = f
	if d.flights.n == 1 {
		n.heap.set(&d.src, f.at, f.seq)
	}
}

// next makes the first packet in order arrive.
func (d *direction) next() {
	f := *d.flights.at(0)
	d.flights.drop()
	if d.flights.n > 0 {
		g := d.flights.at(0)
		d.net.heap.set(&d.src, g.at, g.seq)
	} else {
		d.net.heap.remove(&d.src)
	}
	d.arrive(&f)
}

func (d *direction) arrive(f *flight) {
	n := d.net
	if f.epoch != d.epoch {
		d.arriveDown(f)
		return
	}
	if !f.copied {
		d.stats.InFlight--
		d.stats.Delivered++
	}
	if len(n.taps) != 0 {
		d.trace(Delivered, n.now, f.number, f.copied, f.buf)
	}
	d.to.node.receive(d.to, f.buf, f.at)
}

// arriveDown counts a packet that was on its way when the link went down.
func (d *direction) arriveDown(f *flight) {
	n := d.net
	if !f.copied {
		d.stats.InFlight--
		d.stats.Down++
	}
	if len(n.taps) != 0 {
		d.trace(Down, n.clock(), f.number, f.copied, f.buf)
	}
	n.bufs.put(f.buf)
}

// cut loses what waits or is on its way; held back packets are counted when
// they would have arrived.
func (d *direction) cut() {
	n := d.net
	n.heap.remove(&d.src)
	for d.flights.n > 0 {
		f := *d.flights.at(0)
		d.flights.drop()
		d.arriveDown(&f)
	}
	for d.waiting.n > 0 {
		d.waiting.drop()
	}
	d.epoch++
	d.last, d.busy, d.queued = 0, 0, 0
}
