// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"time"

	"protean/transport/impair"
)

// A direction carries packets from one port to another: half a link, or a
// node's loopback interface.
type direction struct {
	net      *Network
	link     *Link // nil: loopback
	name     string
	back     bool
	from, to *Port

	delay, jitter            int64 // nanoseconds
	loss, duplicate, reorder float64
	reorderDelay             int64
	rate                     int64
	queuePackets, queueBytes int
	mtu                      int
	faults                   bool // loss, duplicate or reorder is set
	random                   stream
	hook                     impair.Hook

	src     source       // happens when the first of flights arrives
	flights ring[flight] // in order of arrival
	last    int64        // when the last of them arrives
	epoch   uint32       // how often the link went down
	count   uint64       // packets offered
	stats   LinkStats

	busy    int64 // until when earlier packets are being sent
	waiting ring[wait]
	queued  int // bytes in waiting
}

// A wait is a packet that waits for the link.
type wait struct {
	start int64 // when its first bit is sent
	size  int
}

func (d *direction) up() bool { return d.link == nil || !d.link.down }

// refuse counts a packet larger than the MTU.
func (d *direction) refuse(data []byte, now int64) {
	number := d.offer(data, now)
	d.stats.TooBig++
	if len(d.net.taps) != 0 {
		d.trace(TooBig, now, number, false, data)
	}
}

func (d *direction) offer(data []byte, now int64) (number uint64) {
	number = d.count
	d.count++
	d.stats.Offered++
	d.stats.OfferedBytes += uint64(len(data))
	if len(d.net.taps) != 0 {
		d.trace(Sent, now, number, false, data)
	}
	return number
}

// send sends a packet whose memory the caller keeps, unless whole is set: then
// data came from buffers.get, and kept reports whether it was kept. left is
// when the packet has left the sender, or -1 if it never will.
func (d *direction) send(data []byte, now int64, whole bool) (left int64, kept bool) {
	n := d.net
	number := d.offer(data, now)
	drop := func(count *uint64, f Fate) {
		*count++
		if len(n.taps) != 0 {
			d.trace(f, now, number, false, data)
		}
	}
	if !d.up() {
		drop(&d.stats.Down, Down)
		return -1, false
	}
	left = now
	if d.rate > 0 {
		if left = d.enqueue(len(data), now); left < 0 {
			drop(&d.stats.QueueDropped, QueueDrop)
			return -1, false
		}
	}
	if d.faults && d.random.chance(d.loss, number, drawLoss) && d.strikes(impair.KindLoss, number, now, 0) {
		drop(&d.stats.Lost, Lost)
		return left, false
	}
	f := flight{at: addTime(left, d.delay), number: number, epoch: d.epoch, buf: data}
	if !whole {
		f.buf = n.bufs.get(len(data))
		copy(f.buf, data)
	}
	if d.jitter > 0 {
		if more := d.random.upTo(d.jitter, number, drawJitter); d.strikes(impair.KindJitter, number, now, more) {
			f.at = addTime(f.at, more)
		}
	}
	d.stats.InFlight++
	late := d.faults && d.random.chance(d.reorder, number, drawReorder) &&
		d.strikes(impair.KindReorder, number, now, d.reorderDelay)
	twice := d.faults && d.random.chance(d.duplicate, number, drawDuplicate) &&
		d.strikes(impair.KindDuplicate, number, now, 0)
	if late {
		f.at = addTime(f.at, d.reorderDelay)
		d.stats.Reordered++
		if len(n.taps) != 0 {
			d.trace(Reordered, now, number, false, f.buf)
		}
	} else {
		f.at = max(f.at, d.last)
	}
	d.launch(f, late)
	if twice {
		d.stats.Duplicated++
		if len(n.taps) != 0 {
			d.trace(Duplicated, now, number, true, f.buf)
		}
		c := f
		c.copied = true
		c.buf = n.bufs.get(len(data))
		copy(c.buf, f.buf)
		d.launch(c, late)
	}
	return left, whole
}

// enqueue returns when a packet of this size has left, if it is sent as soon
// as those before it have, or -1 if there is no room for it to wait.
func (d *direction) enqueue(size int, now int64) int64 {
	for d.waiting.n > 0 && d.waiting.at(0).start <= now {
		d.queued -= d.waiting.at(0).size
		d.waiting.drop()
	}
	start := max(now, d.busy)
	if start > now {
		if d.waiting.n >= d.queuePackets || d.queueBytes > 0 && d.queued+size > d.queueBytes {
			return -1
		}
		d.waiting.push(wait{start, size})
		d.queued += size
	}
	// At most 5.3e14 for 65575 bytes at one bit per second.
	d.busy = addTime(start, (int64(size)*8*1e9+d.rate-1)/d.rate)
	return d.busy
}

// strikes asks whether a fault may strike, and records it if so.
func (d *direction) strikes(k impair.Kind, number uint64, now, delay int64) bool {
	return !d.hook.On() || d.hook.Strike(impair.Fault{
		ID:   impair.ID{Link: d.name, Back: d.back, Number: number, Kind: k},
		Time: now, Delay: time.Duration(delay),
	})
}
