// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"encoding/binary"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"protean/transport/internal/sockio"
)

// A sock is a receiving socket: one per family and bound protocol. Another one,
// a duplicate of the guard's, is read for ICMP errors only.
type sock struct {
	fd       int
	v6       bool
	protocol uint8
	verified bool // the kernel has verified checksums

	// refs is 1 for being bound and 1 for each Recv that uses the socket. Who
	// brings it to 0 closes the socket.
	refs atomic.Int32
	dead atomic.Bool // no longer bound: deliver no more

	drops atomic.Uint32  // the kernel's count of drops that was seen last
	lost  *atomic.Uint64 // nil for errors: what the guard drops is nobody's
}

// acquire reports whether the socket could be kept open; if so, release must
// follow.
func (s *sock) acquire() bool {
	for {
		n := s.refs.Load()
		if n == 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (s *sock) release() {
	if s.refs.Add(-1) == 0 {
		if s.lost != nil {
			s.readDrops()
		}
		unix.Close(s.fd)
	}
}

// addDrops takes note of the kernel's 32-bit count of drops. Counts read from
// the socket may come in before older ones that travel with packets.
func (s *sock) addDrops(count uint32) {
	for {
		seen := s.drops.Load()
		d := int32(count - seen)
		if d <= 0 {
			return
		}
		if s.drops.CompareAndSwap(seen, count) {
			s.lost.Add(uint64(d))
			return
		}
	}
}

// readDrops asks the kernel for the count: with packets it comes only when
// one is queued after a drop.
func (s *sock) readDrops() {
	var info [unix.SK_MEMINFO_VARS * 4]byte
	n, err := sockio.Getsockopt(s.fd, unix.SOL_SOCKET, unix.SO_MEMINFO, info[:])
	if err == 0 && n > unix.SK_MEMINFO_DROPS*4 {
		s.addDrops(binary.NativeEndian.Uint32(info[unix.SK_MEMINFO_DROPS*4:]))
	}
}

// openSock opens a receiving socket, or takes one that was passed in, ready but
// not yet polled.
func (t *Transport) openSock(v6 bool, protocol uint8) (*sock, error) {
	prepare := receiveAll
	fd, ok := t.passed.socket(v6, protocol)
	if !ok {
		prepare = t.prepare
		var err error
		if fd, err = t.socket(v6, int(protocol)); err != nil {
			return nil, err
		}
	}
	if err := prepare(fd, v6, protocol); err != nil {
		unix.Close(fd)
		return nil, err
	}
	s := &sock{fd: fd, v6: v6, protocol: protocol, verified: t.cfg.verifies(v6, protocol), lost: &t.q.lost}
	s.refs.Store(1)
	return s, nil
}

// prepare sets a receiving socket up. It receives from its creation on, so it
// is shut first, and what slipped in before its options were set is removed.
func (t *Transport) prepare(fd int, v6 bool, protocol uint8) error {
	if err := dropAll(fd); err != nil {
		return err
	}
	if err := setOptions(fd, arrivalOptions(v6)); err != nil {
		return err
	}
	if err := t.cfg.filterICMP(fd, v6, protocol); err != nil {
		return err
	}
	if err := t.cfg.checksum(fd, v6, protocol); err != nil {
		return err
	}
	if err := setBuffer(fd, t.rcvBuf, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, "SO_RCVBUF"); err != nil {
		return err
	}
	if err := t.confine(fd, v6, true); err != nil {
		return err
	}
	return undrop(fd)
}

// receiveAll sets up a socket that was passed in. What it has received already is
// kept.
func receiveAll(fd int, v6 bool, _ uint8) error { return setOptions(fd, arrivalOptions(v6)) }

// arrivalOptions have the kernel tell what the packet itself does not.
func arrivalOptions(v6 bool) []sockio.Option {
	options := []sockio.Option{
		{Call: "IP_PKTINFO", Level: unix.SOL_IP, Name: unix.IP_PKTINFO, Value: 1},
		{Call: "IP_RECVFRAGSIZE", Level: unix.SOL_IP, Name: unix.IP_RECVFRAGSIZE, Value: 1},
	}
	if v6 {
		options = []sockio.Option{
			{Call: "IPV6_RECVPKTINFO", Level: unix.SOL_IPV6, Name: unix.IPV6_RECVPKTINFO, Value: 1},
			{Call: "IPV6_RECVHOPLIMIT", Level: unix.SOL_IPV6, Name: unix.IPV6_RECVHOPLIMIT, Value: 1},
			{Call: "IPV6_FLOWINFO", Level: unix.SOL_IPV6, Name: sockio.FlowInfo, Value: 1},
			{Call: "IPV6_RECVFRAGSIZE", Level: unix.SOL_IPV6, Name: unix.IPV6_RECVFRAGSIZE, Value: 1},
		}
		options = append(options, sockio.ExtOptions()...)
	}
	return append(options,
		sockio.Option{Call: "SO_TIMESTAMPNS", Level: unix.SOL_SOCKET, Name: unix.SO_TIMESTAMPNS_NEW, Value: 1},
		sockio.Option{Call: "SO_RXQ_OVFL", Level: unix.SOL_SOCKET, Name: unix.SO_RXQ_OVFL, Value: 1},
	)
}
