// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/ring"
	"protean/transport"
)

// ringConfig returns what the receive rings look like, nil without one.
func (t *Transport) ringConfig() *ring.RxConfig {
	if t.cfg.Ring == None {
		return nil
	}
	page := os.Getpagesize()
	c := &ring.RxConfig{
		BlockSize: (t.cfg.BlockSize + page - 1) / page * page,
		Blocks:    t.cfg.Blocks,
		Retire:    t.cfg.RetireTimeout,
	}
	if t.cfg.Ring == V2 {
		c.V2, c.FrameSize = true, t.frameSize()
		c.BlockSize = max(c.BlockSize, (c.FrameSize+page-1)/page*page)
	}
	return c
}

// frameSize returns the size of a V2 frame that the largest packet fits in.
func (t *Transport) frameSize() int {
	largest := 1500
	if f := t.status.Load(); f != nil {
		largest = max(largest, f.MTU)
	}
	if t.cfg.Defrag {
		largest = max(largest, maxPacket(false))
	}
	// The frame's header and address, the link header, VLAN tags, alignment.
	const around = 128
	size := 2048
	for size < largest+around {
		size += 1024
	}
	return size
}

// ringError says why there is no ring.
func ringError(err error) error {
	var op *ring.OptionError
	if errors.As(err, &op) && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)) {
		return permission("open", "setsockopt "+op.Option, "CAP_NET_RAW", op.Err)
	}
	return opError("open", err)
}

// receiveRing delivers up to limit packets out of a ring.
func (q *queue) receiveRing(src *source, s transport.Sink, limit int) (n int) {
	r := &q.rx
	all, four := src.protocol == protocolAll, src.protocol == protocol4
	f := &r.ring
	// Packets that are dropped do not count towards limit, but must not keep
	// the caller here for ever either.
	for most := min(max(limit, 0), 1<<30) + defaultBatch; n < limit && most > 0 && src.rx.Next(f); most-- {
		if all || f.Status()&unusual != 0 {
			if q.takeUnusual(f, s) {
				n++
				s.Deliver(&r.packet)
			}
			continue
		}
		r.received++
		r.bytes += uint64(max(f.Len()-f.LinkLen(), 0)) // whatever is in the ring
		r.tagged = false
		flags := transport.PacketType(f.PacketType()).Flag() | transport.TimeKernel.Flag()
		pol := q.t.policy.Load()
		if pol.moved != nil {
			flags = pol.arrived(f.Network(), flags)
		}
		bad := r.packet.Load(f.Network(), transport.Arrival{Time: f.UnixNano(), IfIndex: r.ifindex, Flags: flags})
		// What most packets are is decided here.
		if bad == wire.NotMalformed && (four && r.known.again4(pol, &r.packet) || !four && r.known.again6(pol, &r.packet)) ||
			q.accept(bad, src.protocol) {
			r.delivered++
			n++
			s.Deliver(&r.packet)
		}
	}
	return n
}

// unusual are the status bits of frames that take decoding, or more.
const unusual = ring.StatusVLANValid | ring.StatusCsumNotReady | ring.StatusCsumValid | ring.StatusTSRawHardware | ring.StatusLosing | ring.StatusGSOTCP

// takeUnusual is for frames with something to them.
func (q *queue) takeUnusual(f *ring.Frame, s transport.Sink) bool {
	status := f.Status()
	if status&ring.StatusLosing != 0 { // V2 only
		if q.readDrops(); q.lost.Load() != q.rx.lostTold {
			q.tellLost(s)
		}
	}
	g := &q.rx.frame
	*g = frame{
		data: f.Data, len: uint32(f.Len()), status: status, net: uint16(f.LinkLen()),
		protocol: f.Protocol(), pkttype: f.PacketType(), time: f.UnixNano(),
	}
	if tci, tpid, ok := f.VLAN(); ok {
		g.tci, g.tpid = tci, tpid
		g.status |= ring.StatusVLANTPIDValid
	}
	return q.take(g)
}

// load makes r.packet the packet b of a protocol, and judges it.
func (q *queue) load(b []byte, protocol uint16, a transport.Arrival) bool {
	a.Flags = q.t.policy.Load().arrived(b, a.Flags)
	ok := q.accept(q.rx.packet.Load(b, a), protocol)
	if ok {
		q.rx.delivered++
	}
	return ok
}

// accept judges r.packet, of which Load has said that it is bad or not, and
// counts why it is not delivered.
func (q *queue) accept(bad wire.Malformed, protocol uint16) bool {
	r := &q.rx
	if bad == wire.NotMalformed && r.packet.Is6() != (protocol == protocol6) {
		bad = wire.BadVersion
	}
	if bad != wire.NotMalformed {
		r.malformed[bad]++
		r.drop(transport.Malformed)
		return false
	}
	if why := r.judge(q.t, &r.packet); why != transport.DropNone {
		r.drop(why)
		return false
	}
	return true
}
