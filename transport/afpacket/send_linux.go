// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/ring/sysmon"
	"protean/transport"
	"protean/transport/internal/sockio"
)

// Reserve implements [transport.Queue].
func (q *queue) Reserve(b *transport.Batch, n int) error {
	if !q.t.calls.Enter() {
		return net.ErrClosed
	}
	defer q.t.calls.Leave()
	if n < 1 {
		return nil
	}
	x := &q.tx
	if x.ring.tx != nil {
		return x.ring.reserve(q, b, n)
	}
	if len(x.free) == 0 {
		q.starved.Store(true)
		return transport.ErrNoSlots
	}
	for range min(n, len(x.free)) {
		ref := x.free[len(x.free)-1]
		x.free = x.free[:len(x.free)-1]
		at := int(ref-1)*stride + lead
		b.Append(x.mem[at:at:at+stride-lead], ref)
	}
	return nil
}

// Commit implements [transport.Queue]. Packets are with the kernel when it
// returns, or wait for the address of a neighbour.
func (q *queue) Commit(b *transport.Batch, n int) (sent int, err error) {
	if !q.t.calls.Enter() {
		return 0, net.ErrClosed
	}
	defer q.t.calls.Leave()
	x := &q.tx
	n = max(n, 0)
	x.give(b.Slots[n:])
	b.Truncate(n)
	q.t.follow()
	x.source, x.policy, x.now = q.t.hardwareAddr(), q.t.policy.Load(), sysmon.Now()
	x.last.fresh, x.last.most = false, 0
	var out outcome
	if x.ring.tx != nil {
		sent, err = x.ring.commit(q, b.Slots, &out)
	} else {
		sent, err = q.commit(b.Slots, &out)
		x.give(b.Slots[:sent])
	}
	b.Shift(sent)
	if q.starved.Load() && x.room() && q.starved.Swap(false) {
		q.Wake()
	}
	out.refused = err != nil && err != transport.ErrNoSlots
	q.stats.addOutcome(sent, &out)
	return sent, err
}

// room reports whether Reserve would find a slot.
func (x *transmitter) room() bool {
	if x.ring.tx != nil {
		return x.ring.room()
	}
	return len(x.free) > 0
}

// An outcome is what became of the packets of a Commit.
type outcome struct {
	sent, bytes uint64 // that the kernel took
	refused     bool
}

// commit sends what it can of slots, in order.
func (q *queue) commit(slots []transport.Slot, out *outcome) (sent int, err error) {
	for sent < len(slots) && err == nil {
		var k int
		k, err = q.send(slots[sent:], out)
		sent += k
	}
	return sent, err
}

// send gives the kernel the packets at the start of slots, and returns how many
// it took.
func (q *queue) send(slots []transport.Slot, out *outcome) (taken int, err error) {
	x := &q.tx
	n := 0
	for n < len(slots) && n < len(x.msg.Hdr) {
		hold, err := q.put(n, &slots[n])
		if err == nil && !hold {
			n++
			continue
		}
		if n > 0 {
			break // it will be the first next time
		}
		if err == nil {
			err = q.hold(&slots[0])
		}
		if err != nil {
			return 0, err
		}
		return 1, nil
	}
	k, errno := sockio.Sendmmsg(x.fd, x.msg.Hdr[:n])
	if errno != 0 {
		return 0, q.sendError(&slots[0], errno)
	}
	for i := range slots[:k] {
		out.bytes += uint64(len(slots[i].Data))
	}
	out.sent += uint64(k)
	x.taken += uint64(k)
	return k, nil
}

// put makes message i send a slot. It reports whether the packet has to wait
// for the address of a neighbour first.
func (q *queue) put(i int, s *transport.Slot) (hold bool, err error) {
	h, err := q.route(s)
	if err != nil || h.state != hopReady {
		return true, err
	}
	q.tx.address(i, s, h)
	return false, nil
}

// route finds out where a slot's packet goes, and whether it can. The hop is
// valid until the next call.
func (q *queue) route(s *transport.Slot) (*hop, error) {
	t, l := q.t, &q.tx.last
	if bad := sockio.Check(s.Data); bad != wire.NotMalformed {
		return nil, opError("write", bad)
	}
	dst := destination(s.Data)
	if len(s.Data) <= l.most && dst == l.dst && (s.IfIndex == 0 || int(s.IfIndex) == t.link.index) {
		return &l.hop, nil // as the one before, which is what most do
	}
	v6 := s.Data[0]>>4 == 6
	switch {
	case v6 && !t.cfg.V6 || !v6 && !t.cfg.V4:
		return nil, callError("write", "socket", unix.EAFNOSUPPORT)
	case s.IfIndex != 0 && int(s.IfIndex) != t.link.index:
		return nil, callError("write", "interface", unix.ENODEV)
	case !t.up(): // routes and neighbours may not have heard of it yet
		return nil, writeError(dst, "interface", unix.ENETDOWN)
	}
	h, err := q.tx.find(t, dst)
	if err != nil {
		return nil, err
	}
	mtu := h.mtu
	if link := t.status.Load(); link != nil && (s.Frag == transport.FragProbe || mtu == 0) {
		mtu = link.MTU // a probe of the path does not keep to what is known of it
	}
	if len(s.Data) > mtu {
		return nil, &transport.TooBigError{Size: len(s.Data), MTU: mtu}
	}
	if h.state == hopReady && s.Frag != transport.FragProbe {
		l.most = mtu
	}
	return h, nil
}

// protocolOf returns the protocol of a packet that Check has passed.
func protocolOf(b []byte) uint16 {
	if b[0]>>4 == 6 {
		return protocol6
	}
	return protocol4
}

// destination returns the destination address of a packet that Check has
// passed.
func destination(b []byte) netip.Addr {
	if b[0]>>4 == 6 {
		return netip.AddrFrom16([16]byte(b[24:40]))
	}
	return netip.AddrFrom4([4]byte(b[16:20]))
}

// retryAfter is when a device that had no room, and will not say when it has,
// is tried again.
const retryAfter = time.Millisecond

// A stall is a time in which nothing is taken, with ENOBUFS: a full queue, or a
// filter that drops the packet that is first each time, and says the same.
type stall struct {
	since time.Time
	sent  uint64
}

// stallLimit is for how long a packet is tried again.
const stallLimit = time.Second

// lasts reports whether the packet that comes first is to be given up, with so many
// sent since the start. The next one has as much time.
func (s *stall) lasts(sent uint64) bool {
	now := time.Now()
	if s.since.IsZero() || sent != s.sent {
		s.since, s.sent = now, sent
	}
	if now.Sub(s.since) < stallLimit {
		return false
	}
	s.since = time.Time{}
	return true
}

// sendError says why the kernel did not take a packet.
func (q *queue) sendError(s *transport.Slot, errno unix.Errno) error {
	switch errno {
	case unix.EAGAIN:
		if err := opError("write", q.WatchRoom(q.tx.fd, sendID)); err != nil {
			return err
		}
		return transport.ErrNoSlots
	case unix.ENOBUFS: // dropped by the queueing discipline, or there is no carrier
		if !q.t.carrier() {
			errno = unix.ENETDOWN
			break
		}
		if q.tx.full.lasts(q.tx.taken) {
			break
		}
		q.tryLater()
		return transport.ErrNoSlots
	case unix.EMSGSIZE:
		return q.t.tooBig(len(s.Data))
	case unix.ENXIO:
		q.t.interfaceGone()
	}
	return writeError(destination(s.Data), "sendmmsg", errno)
}

// writeError says which destination a packet could not be sent to.
func writeError(dst netip.Addr, call string, errno unix.Errno) error {
	return &net.OpError{
		Op: "write", Net: name,
		Addr: &net.IPAddr{IP: dst.AsSlice()},
		Err:  os.NewSyscallError(call, errno),
	}
}
