// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/slots"
	"protean/transport/internal/sockio"
)

// A transmitter sends packets in batches. It is owned by the goroutine in
// Reserve or Commit.
type transmitter struct {
	pool slots.Pool
	msg  sockio.Messages
}

func (x *transmitter) init(batch, control int) {
	x.pool.Init(batch, stride)
	x.msg = sockio.NewMessages(batch, control)
}

// Reserve implements [transport.Queue].
func (q *queue) Reserve(b *transport.Batch, n int) error {
	if !q.t.calls.Enter() {
		return net.ErrClosed
	}
	defer q.t.calls.Leave()
	return q.tx.pool.Reserve(b, n)
}

// Commit implements [transport.Queue]. Packets are with the kernel when it
// returns.
func (q *queue) Commit(b *transport.Batch, n int) (sent int, err error) {
	if !q.t.calls.Enter() {
		return 0, net.ErrClosed
	}
	defer q.t.calls.Leave()
	x := &q.tx
	n = x.pool.Begin(b, n)
	var bytes uint64
	for sent < n && err == nil {
		var k int
		k, err = q.send(b.Slots[sent:])
		for i := range b.Slots[sent : sent+k] {
			bytes += uint64(len(b.Slots[sent+i].Data))
		}
		sent += k
	}
	if x.pool.End(b, sent) {
		q.Wake()
	}
	q.mu.Lock()
	q.stats.Committed += uint64(sent)
	q.stats.Sent += uint64(sent)
	q.stats.SentBytes += bytes
	if err != nil && err != transport.ErrNoSlots {
		q.stats.Refused++
	}
	q.mu.Unlock()
	return sent, err
}

// send gives the kernel the packets at the start of slots that go through one
// socket, and returns how many it took.
func (q *queue) send(slots []transport.Slot) (sent int, err error) {
	x := &q.tx
	var via *sender
	n := 0
	for n < len(slots) && n < len(x.msg.Hdr) {
		s, err := q.put(n, &slots[n], via)
		if err != nil {
			if n > 0 {
				break // it will be the first next time
			}
			return 0, err
		}
		if s == nil { // it needs another socket than via
			break
		}
		via = s
		n++
	}
	log := via.stamps.Load()
	if log != nil {
		log.expect(slots[:n])
	}
	k, errno := sockio.Sendmmsg(via.fd, x.msg.Hdr[:n])
	if log != nil {
		log.sent(slots[:k], slots[k:n], errno)
	}
	if errno != 0 {
		return 0, q.sendError(via, &slots[0], errno)
	}
	return k, nil
}

// put makes message i send a slot. It returns the socket to send it through,
// or nil if that is not via, or must be set otherwise, and via is not nil.
func (q *queue) put(i int, s *transport.Slot, via *sender) (*sender, error) {
	if bad := sockio.Check(s.Data); bad != wire.NotMalformed {
		return nil, &net.OpError{Op: "write", Net: name, Err: bad}
	}
	v6 := s.Data[0]>>4 == 6
	protocol := uint8(unix.IPPROTO_RAW)
	if q.t.cfg.Header == Kernel {
		var err error
		if protocol, err = translatable(s.Data, v6); err != nil {
			return nil, err
		}
	}
	to, err := q.t.sender(v6, protocol)
	switch {
	case err != nil:
		return nil, err
	case to == nil:
		return nil, opError("write", "socket", unix.EAFNOSUPPORT)
	case via != nil && to != via:
		return nil, nil
	}
	if s.Stamp && q.t.caps.TxTime != transport.TimeNone {
		if err := q.enableStamps(to); err != nil {
			return nil, err
		}
	}
	if q.t.cfg.Header == Kernel {
		if set, err := to.setFragmenting(s, via == nil); !set || err != nil {
			return nil, err
		}
		q.putKernel(i, s, to, v6)
		return to, nil
	}
	m := &q.tx.msg
	w := sockio.Builder{B: m.Control(i)}
	h := &m.Hdr[i].Hdr
	switch {
	case v6:
		h.Namelen = m.Addr[i].Set6(s.Data[24:40], 0, scope(s))
		w.Pktinfo6(s.IfIndex, [16]byte{})
	default:
		h.Namelen = m.Addr[i].Set4(s.Data[16:20])
		w.Pktinfo4(s.IfIndex, [4]byte{})
	}
	stamp(&w, s, to)
	h.SetControllen(w.N)
	m.Data(i, s.Data)
	return to, nil
}

// scope returns the sin6_scope_id for an IPv6 packet: the interface, if its
// destination means something on one link only.
func scope(s *transport.Slot) uint32 {
	if d := s.Data[24:40]; d[0] == 0xff || d[0] == 0xfe && d[1]&0xc0 == 0x80 {
		return uint32(s.IfIndex)
	}
	return 0
}

// destination returns the destination address of a packet check has passed.
func destination(b []byte) netip.Addr {
	if b[0]>>4 == 6 {
		return netip.AddrFrom16([16]byte(b[24:40]))
	}
	return netip.AddrFrom4([4]byte(b[16:20]))
}

// sendError says why the kernel did not take a packet.
func (q *queue) sendError(via *sender, s *transport.Slot, errno unix.Errno) error {
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS:
		if err := opWrap("write", q.WatchRoom(via.fd, via.id)); err != nil {
			return err
		}
		return transport.ErrNoSlots
	case unix.EMSGSIZE:
		e := &transport.TooBigError{Size: len(s.Data)}
		dst, ifindex := destination(s.Data), int(s.IfIndex)
		if ifindex == 0 {
			ifindex = q.t.ifindex
		}
		q.t.router.Forget(dst, ifindex) // the kernel may have learnt something
		if r, err := q.t.route(dst, ifindex); err == nil {
			e.MTU = r.MTU
		}
		return e
	}
	return &net.OpError{
		Op: "write", Net: name,
		Addr: &net.IPAddr{IP: destination(s.Data).AsSlice()},
		Err:  os.NewSyscallError("sendmmsg", errno),
	}
}
