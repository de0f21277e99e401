// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"net/netip"
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
	mem        []byte
	free       []uint64 // numbers of the slots not lent, from 1; the last is lent next
	msg        sockio.Messages
	cooked     bool
	header     int // bytes of link header to write
	addressLen uint8
	source     wire.MAC // of the interface, and
	policy     *policy  // which sources have others, in the Commit under way
	last       hopAt

	ring     ringSender // with Config.TxRing
	held     held
	failures failures
}

func (x *transmitter) open(q *queue) error {
	t := q.t
	var err error
	if x.fd, err = t.socket(); err != nil {
		return err
	}
	x.opened = true
	x.cooked, x.header, x.addressLen = t.cfg.Cooked, t.link.header, t.addressLen()
	var options []option
	if t.cfg.QdiscBypass {
		options = append(options, option{"PACKET_QDISC_BYPASS", unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1})
	}
	if err := setOptions(x.fd, options); err != nil {
		return err
	}
	if err := setBuffer(x.fd, t.cfg.SndBuf, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, "SO_SNDBUF"); err != nil {
		return err
	}
	if err := bindTo(x.fd, 0, t.link.index); err != nil {
		return callError("open", "bind", err)
	}
	pendingError(x.fd) // ENETDOWN if the interface is down
	if t.cfg.TxRing {
		if err := x.ring.open(t, x.fd); err != nil {
			return err
		}
	}
	batch := t.cfg.Batch
	x.mem = make([]byte, batch*stride)
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
	x.free = make([]uint64, batch)
	for i := range x.free {
		x.free[i] = uint64(batch - i)
	}
	x.held.q = q
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
	for i := range slots {
		x.free = append(x.free, slots[i].Ref)
	}
}

// address makes message i send a slot to a link address: by a header in front
// of the packet, in the slot's own memory, or by the kernel if the socket is
// cooked.
func (x *transmitter) address(i int, s *transport.Slot, mac wire.MAC) {
	protocol := protocolOf(s.Data)
	if x.named() {
		ll := x.name(i)
		ll.Protocol, ll.Halen = sockio.NetworkOrder(protocol), x.addressLen
		copy(ll.Addr[:], mac[:])
		x.msg.Data(i, s.Data)
		return
	}
	// The slot may be another one than at this place by Batch.Drop; its memory
	// is what counts.
	at := int(s.Ref-1)*stride + lead - headerLen
	frame := x.mem[at : at+headerLen+len(s.Data)]
	putHeader((*[headerLen]byte)(frame), mac, x.policy.source(s.Data, x.source), protocol)
	x.msg.Data(i, frame)
}

// A hopAt is the last answer of hops, for runs of packets to one destination. It
// holds within one Commit.
type hopAt struct {
	dst netip.Addr
	hop hop
}

// find returns where packets to dst go.
func (x *transmitter) find(t *Transport, dst netip.Addr) (hop, error) {
	if x.last.dst == dst && x.last.hop.state == hopReady {
		return x.last.hop, nil
	}
	h, err := t.hops.find(dst)
	if err != nil {
		return hop{}, err
	}
	if x.held.before(h.via) {
		h.state = hopWaiting
	}
	x.last = hopAt{dst, h}
	return h, nil
}
