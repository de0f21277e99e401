// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/sockio"
)

// A transmitter sends packets in batches. It is owned by the goroutine in
// Reserve or Commit, except for held and failures.
type transmitter struct {
	fd         int // bound to the interface without a protocol: it receives nothing
	opened     bool
	mem        []byte   // of slots that are not frames of a ring
	free       []uint64 // numbers of those not lent, from 1; the last is lent next
	msg        sockio.Messages
	cooked     bool
	header     int // bytes of link header to write
	addressLen uint8
	source     wire.MAC      // of the interface, and
	policy     *policy       // which sources have others, in the Commit under way
	now        time.Duration // when that began, by sysmon.Now
	last       hopAt

	ring     ringSender // with Config.TxRing
	held     held
	failures failures
	taken    uint64 // packets that the kernel took by sendmmsg(2)
	full     stall
}

func (x *transmitter) open(q *queue) error {
	t := q.t
	x.cooked, x.header, x.addressLen = t.cfg.Cooked, t.link.header, t.addressLen()
	var err error
	if x.fd, err = t.socket(); err != nil {
		return err
	}
	x.opened = true
	if err := t.prepareSender(x.fd); err != nil {
		return err
	}
	batch := t.cfg.Batch
	if t.cfg.TxRing {
		if err := x.ring.open(t); err != nil {
			return err
		}
	} else {
		x.mem = make([]byte, batch*stride)
		x.free = make([]uint64, batch)
		for i := range x.free {
			x.free[i] = uint64(batch - i)
		}
	}
	x.msg = sockio.NewMessages(batch, 0)
	for i := range x.msg.Hdr {
		h := &x.msg.Hdr[i].Hdr
		if !x.named() {
			// The socket is bound, and the frame says the rest: the kernel need
			// not look the interface up for each.
			h.Name, h.Namelen = nil, 0
			continue
		}
		ll := x.name(i)
		ll.Family, ll.Ifindex = unix.AF_PACKET, int32(t.link.index)
		h.Namelen = unix.SizeofSockaddrLinklayer
	}
	x.held.q = q
	return nil
}

// prepareSender readies a socket that sends.
func (t *Transport) prepareSender(fd int) error {
	var options []option
	if t.cfg.QdiscBypass {
		options = append(options, option{"PACKET_QDISC_BYPASS", unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1})
	}
	if err := setOptions(fd, options); err != nil {
		return err
	}
	if err := setBuffer(fd, t.cfg.SndBuf, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, "SO_SNDBUF"); err != nil {
		return err
	}
	if err := bindTo(fd, 0, t.link.index); err != nil {
		return callError("open", "bind", err)
	}
	pendingError(fd) // ENETDOWN if the interface is down
	return nil
}

func (x *transmitter) close() {
	x.ring.close()
	if x.opened {
		unix.Close(x.fd)
	}
}

// named reports whether messages need a destination, since what they send has no
// link header.
func (x *transmitter) named() bool { return x.cooked || x.header == 0 }

// name returns the destination of message i.
func (x *transmitter) name(i int) *unix.RawSockaddrLinklayer {
	return (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&x.msg.Addr[i]))
}

// give takes slots back.
func (x *transmitter) give(slots []transport.Slot) {
	if x.ring.tx != nil {
		x.ring.give(slots)
		return
	}
	for i := range slots {
		x.free = append(x.free, slots[i].Ref)
	}
}

// frame returns the memory of a slot from the link header on. The slot may be
// another one than at its place in the batch, by Batch.Drop; its memory is what counts.
func (x *transmitter) frame(s *transport.Slot) []byte {
	if x.ring.tx != nil {
		return x.ring.tx.Data(int(s.Ref - 1))[:x.header+len(s.Data)]
	}
	at := int(s.Ref-1)*stride + lead - x.header
	return x.mem[at : at+x.header+len(s.Data)]
}

// address makes message i send a slot to a link address: by a header in front
// of the packet, in the slot's own memory, or by the kernel if the socket is
// cooked.
func (x *transmitter) address(i int, s *transport.Slot, to *hop) {
	if x.named() {
		ll := x.name(i)
		ll.Protocol, ll.Halen = sockio.NetworkOrder(protocolOf(s.Data)), x.addressLen
		copy(ll.Addr[:], to.mac[:])
		x.msg.Data(i, s.Data)
		return
	}
	frame := x.frame(s)
	x.putHeader(frame, s.Data, to)
	x.msg.Data(i, frame)
}

// putHeader writes the link header at the start of a frame.
func (x *transmitter) putHeader(frame, packet []byte, to *hop) {
	h := (*[headerLen]byte)(frame)
	if x.policy.moved == nil {
		*h = to.header
		return
	}
	putHeader(h, to.mac, x.policy.source(packet, x.source), protocolOf(packet))
}

// A hopAt is the last answer of hops, for runs of packets to one destination. It
// holds within one Commit, and then for as long as nothing of it has changed.
type hopAt struct {
	dst   netip.Addr
	hop   hop
	fresh bool          // looked up, or looked at again, in the Commit under way
	since time.Duration // when it was looked up, by sysmon.Now

	routes, neighs uint64 // of which generation it is

	// In the Commit under way, packets to dst of this many bytes can be sent, whatever
	// their mode; 0: that is to be found out.
	most int
}

// hopLife is for how long an answer is used without looking it up again, which is a
// third of the instructions of a Commit of one packet.
const hopLife = 100 * time.Millisecond

// find returns where packets to dst go, until the next call.
func (x *transmitter) find(t *Transport, dst netip.Addr) (*hop, error) {
	l := &x.last
	if l.dst == dst && l.hop.state == hopReady && (l.fresh || x.holds(t, l)) {
		if !l.fresh {
			l.fresh = true
			x.setHeader(l)
		}
		return &l.hop, nil
	}
	routes, neighs := t.hops.generation() // before the answer, which may be newer
	h, err := t.hops.find(dst)
	if err != nil {
		return nil, err
	}
	switch x.held.before(h.via) {
	case hopWaiting:
		h.state = hopWaiting
	case hopFull:
		return nil, transport.ErrNoSlots
	}
	*l = hopAt{dst: dst, hop: h, fresh: true, since: x.now, routes: routes, neighs: neighs}
	x.setHeader(l)
	return &l.hop, nil
}

// setHeader makes the link header of the Commit under way.
func (x *transmitter) setHeader(l *hopAt) {
	protocol := uint16(protocol4)
	if l.dst.Is6() {
		protocol = protocol6
	}
	putHeader(&l.hop.header, l.hop.mac, x.source, protocol)
}

// holds reports whether an answer that was ready in an earlier Commit is as good as
// a new one.
func (x *transmitter) holds(t *Transport, l *hopAt) bool {
	routes, neighs := t.hops.generation()
	return l.routes == routes && l.neighs == neighs && x.now-l.since < hopLife && x.held.before(l.hop.via) == hopReady
}
