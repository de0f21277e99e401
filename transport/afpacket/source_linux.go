// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"protean/ring"
	"protean/transport/internal/sockio"
)

// A source is a socket that receives, with the packets it has. It is owned by
// the goroutine in Recv or Wait.
type source struct {
	fd       int    // -1 until it is opened
	protocol uint16 // what it is bound to
	ready    bool   // there may be something to read from the socket's queue

	rx    *ring.Rx // nil without a ring
	drops atomic.Uint64

	expected expected // the ring's next packet

	// Without a ring: messages from next to have are still to be delivered.
	mem        []byte
	msg        sockio.Messages
	next, have int
}

const (
	// lead is the room in front of the IP header, so that this is aligned, and
	// has a link header and its VLAN tags in front of it.
	lead = 32
)

// init makes the ring, or the memory that does without.
func (s *source) init(t *Transport) (err error) {
	if c := t.ringConfig(); c != nil {
		s.rx, err = ring.NewRx(s.fd, c)
		return ringError(err)
	}
	s.mem = make([]byte, t.cfg.Batch*stride)
	s.msg = sockio.NewMessages(t.cfg.Batch, recvControl)
	at := lead
	if !t.cfg.Cooked {
		at -= t.link.header
	}
	for i := range t.cfg.Batch {
		s.msg.Data(i, s.mem[i*stride+at:(i+1)*stride])
	}
	return nil
}

func (s *source) close() {
	if s.rx != nil {
		s.rx.Close() // nobody reads any more
	}
	if s.fd >= 0 {
		unix.Close(s.fd)
	}
}

// waiting reports whether there may be packets.
func (s *source) waiting() bool {
	if s.rx != nil {
		return s.rx.HasNext()
	}
	return s.ready || s.next < s.have
}

// fetch takes up to want packets from the socket. An errno is what the kernel
// had to say instead, at most once per event.
func (s *source) fetch(want int) unix.Errno {
	want = min(want, len(s.msg.Hdr))
	s.next, s.have = 0, 0
	n, errno := s.msg.Receive(s.fd, want)
	s.have = n
	s.ready = n == want || errno != 0 && errno != unix.EAGAIN
	return errno
}

// frame makes f the frame in the next message.
func (s *source) frame(f *frame, at int) {
	h := &s.msg.Hdr[s.next]
	ll := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&s.msg.Addr[s.next]))
	start := s.next*stride + at
	*f = frame{
		data:     s.mem[start : start+int(h.Len)],
		len:      h.Len,
		protocol: sockio.NetworkOrder(ll.Protocol),
		pkttype:  ll.Pkttype,
	}
	f.parse(s.msg.Control(s.next)[:h.Hdr.Controllen])
}

// newDrops returns how many packets the kernel has dropped, or put into the ring
// so that they could not be read, since it was asked last.
func (s *source) newDrops() uint64 {
	if s.rx == nil {
		var b [12]byte // struct tpacket_stats_v3: packets, drops, and times a ring was full
		n, errno := sockio.Getsockopt(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS, b[:])
		if errno != 0 || n < 8 {
			return 0
		}
		return uint64(binary.NativeEndian.Uint32(b[4:]))
	}
	st, err := s.rx.Stats()
	if err != nil {
		return 0
	}
	for total := st.Drops + st.Corrupt; ; {
		seen := s.drops.Load()
		if total <= seen {
			return 0 // somebody else has asked, later
		}
		if s.drops.CompareAndSwap(seen, total) {
			return total - seen
		}
	}
}
