// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/slots"
	"protean/transport/internal/sockio"
)

// A transmitter sends packets. It is owned by the goroutine in Reserve or
// Commit.
type transmitter struct {
	pool  slots.Pool
	msg   sockio.Messages
	socks map[message]*sock // src is valid where a socket is bound to it
	count transport.Stats   // of the Commit in progress
}

func (x *transmitter) init(batch int) {
	x.pool.Init(batch, stride)
	x.msg = sockio.NewMessages(1, sockio.SendControl)
	x.socks = make(map[message]*sock)
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
	x.count = transport.Stats{}
	for sent < n && err == nil {
		s := &b.Slots[sent]
		if err = q.send(s); err == nil {
			x.count.SentBytes += uint64(len(s.Data))
			sent++
		}
	}
	if x.pool.End(b, sent) {
		q.Wake()
	}
	x.count.Committed, x.count.Sent = uint64(sent), uint64(sent)
	if err != nil && err != transport.ErrNoSlots {
		x.count.Refused++
	}
	q.mu.Lock()
	q.stats.Add(&x.count)
	q.mu.Unlock()
	return sent, err
}

// send gives the kernel one packet.
func (q *queue) send(s *transport.Slot) error {
	m, err := parse(s.Data)
	if err != nil {
		return err
	}
	to, err := q.socket(m, s)
	if err != nil {
		return err
	}
	if want := sockio.Discover(s); to.discover != want {
		level, option := unix.SOL_IP, unix.IP_MTU_DISCOVER
		if m.v6 {
			level, option = unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER // its values are the same
		}
		if err := unix.SetsockoptInt(to.fd, level, option, want); err != nil {
			return opError("write", os.NewSyscallError("setsockopt MTU_DISCOVER", err))
		}
		to.discover = want
	}
	q.put(s, m.v6)
	// Errors of the network that came in meanwhile are told in place of sending,
	// beside the error queue, which has them all; nothing is sent then.
	errno := unix.Errno(0)
	for range 8 {
		_, errno = sockio.Sendmmsg(to.fd, q.tx.msg.Hdr)
		if errno == 0 {
			return nil
		}
		if errno == unix.EAGAIN || errno == unix.EMSGSIZE {
			break
		}
	}
	return q.sendError(to, s, errno)
}

// put makes the message send the payload of a slot, and hands on what the
// kernel can be told of its header.
func (q *queue) put(s *transport.Slot, v6 bool) {
	m := &q.tx.msg
	w := sockio.Builder{B: m.Control(0)}
	h := &m.Hdr[0].Hdr
	b := s.Data
	if v6 {
		scope := uint32(0)
		if d := netip.AddrFrom16([16]byte(b[24:40])); d.IsMulticast() || d.IsLinkLocalUnicast() {
			scope = uint32(s.IfIndex)
		}
		w.Pktinfo6(s.IfIndex, [16]byte(b[8:24]))
		w.AddInt(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, uint32(b[7]))
		w.AddInt(unix.SOL_IPV6, unix.IPV6_TCLASS, uint32(b[0]<<4|b[1]>>4))
		h.Namelen = m.Addr[0].Set6(b[24:40], 0, scope)
		m.Data(0, b[40:])
	} else {
		ihl := int(b[0]&15) * 4
		w.Pktinfo4(s.IfIndex, [4]byte(b[12:16]))
		w.AddInt(unix.SOL_IP, unix.IP_TTL, uint32(b[8]))
		w.AddInt(unix.SOL_IP, unix.IP_TOS, uint32(b[1]))
		dst := w.Options4(b[20:ihl], [4]byte(b[16:20]))
		h.Namelen = m.Addr[0].Set4(dst[:])
		m.Data(0, b[ihl:])
	}
	h.SetControllen(w.N)
}

// sendError says why the kernel did not take a packet.
func (q *queue) sendError(via *sock, s *transport.Slot, errno unix.Errno) error {
	dst := destination(s.Data)
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS:
		if err := q.WatchBoth(via.fd, via.id, true); err != nil {
			return opError("write", err)
		}
		return transport.ErrNoSlots
	case unix.EMSGSIZE:
		e := &transport.TooBigError{Size: len(s.Data)}
		ifindex := int(s.IfIndex)
		q.t.router.Forget(dst, ifindex) // the kernel may have learnt something
		if r, err := q.t.route(dst, ifindex); err == nil {
			e.MTU = r.MTU
		}
		return e
	}
	return &net.OpError{Op: "write", Net: name, Addr: &net.IPAddr{IP: dst.AsSlice()}, Err: os.NewSyscallError("sendmmsg", errno)}
}
