// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"protean/proto/checksum"
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
func (q *queue) receiveRing(src *source, s transport.Sink, limit int) int {
	r, e := &q.rx, &src.expected
	dropped, before := 0, r.delivered
	for int(r.delivered-before) < limit {
		h, b, link := src.rx.NextPacket()
		if h == nil {
			break
		}
		// Most packets are like the one before. That is found out here, in one
		// piece: each call costs as much as all the rest of it.
		if len(b) >= 20 && h.Status()&unusual == 0 && h.PacketType() == uint8(transport.PacketHost) && e.policy == q.t.policy.Load() {
			ip := (*[20]byte)(b)
			total := int(binary.BigEndian.Uint16(ip[2:]))
			if ip[0] == 0x45 && total >= len(ip) && total <= len(b) && !wire.IPv4(ip[:]).IsFragment() &&
				uint64(binary.NativeEndian.Uint32(ip[16:])) == e.dst4 && e.policy.bound[ip[9]] && checksum.SumHeader(ip) == 0xffff {
				r.packet.LoadPredicted(&e.like, b[:total], h.UnixNano(), ip[9])
				r.tagged = false
				r.bytes += uint64(max(h.Len()-link, 0)) // whatever is in the ring
				r.delivered++
				s.Deliver(&r.packet)
				continue
			}
		}
		if q.takeFrame(src, h, b, link, s) {
			s.Deliver(&r.packet)
			continue
		}
		// Packets that are dropped do not count towards limit, but must not keep
		// the caller here for ever either.
		if dropped++; dropped-defaultBatch >= limit {
			break
		}
	}
	return int(r.delivered - before)
}

// unusual are the status bits of frames that take decoding, or more.
const unusual = ring.StatusVLANValid | ring.StatusCsumNotReady | ring.StatusCsumValid | ring.StatusTSRawHardware | ring.StatusLosing | ring.StatusGSOTCP

// takeFrame makes r.packet the packet in a frame whose network header is at the
// start of b. It reports whether it is to be delivered, and counts it either way.
//
//go:noinline
func (q *queue) takeFrame(src *source, h *ring.Header, b []byte, link int, s transport.Sink) bool {
	r := &q.rx
	status := h.Status()
	size := uint32(max(h.Len()-link, 0)) // whatever is in the ring
	if src.protocol == protocolAll || status&unusual != 0 {
		if status&ring.StatusLosing != 0 { // V2 only
			if q.readDrops(); q.lost.Load() != r.lostTold {
				q.tellLost(s)
			}
		}
		r.frame = frame{
			data: b, len: size, status: status, protocol: h.Protocol(), pkttype: h.PacketType(), time: h.UnixNano(),
		}
		if tci, tpid, ok := h.VLAN(); ok {
			r.frame.tci, r.frame.tpid = tci, tpid
			r.frame.status |= ring.StatusVLANTPIDValid
		}
		return q.take(&r.frame)
	}
	r.bytes += uint64(size)
	r.tagged = false
	pol := q.t.policy.Load()
	if e := &src.expected; e.policy == pol && h.PacketType() == uint8(transport.PacketHost) && e.load6(&r.packet, b, h.UnixNano()) {
		r.delivered++
		return true
	}
	flags := pol.arrived(b, transport.PacketType(h.PacketType()).Flag()|transport.TimeKernel.Flag())
	if !q.accept(r.packet.Load(b, transport.Arrival{Time: h.UnixNano(), IfIndex: r.ifindex, Flags: flags}), src.protocol) {
		return false
	}
	r.delivered++
	src.expected.learn(pol, &r.known, &r.packet)
	return true
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
