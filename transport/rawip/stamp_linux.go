// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/sockio"
)

// A stampLog knows which packets of a sending socket transmit stamps are
// expected for. The kernel numbers them in the order in which they are sent
// (SOF_TIMESTAMPING_OPT_ID).
type stampLog struct {
	fd int // a duplicate of the sender's, which epoll watches for other things

	waiting atomic.Int32 // stamps that have not come

	mu   sync.Mutex // guards what follows
	next uint32     // number of the next packet that asks for a stamp
	asks [maxStamps]ask
}

// maxStamps is how many packets of a socket may wait for their stamps. That is
// more than a socket's error queue has room for by default.
const maxStamps = 1024

type ask struct {
	id       uint32
	open     bool
	protocol uint8
	cookie   uint64
}

// enableStamps has a sending socket report when its packets are sent, those
// that ask for it. It is of the goroutine in Commit.
func (q *queue) enableStamps(s *sender) error {
	if s.stamps.Load() != nil {
		return nil
	}
	const flags = unix.SOF_TIMESTAMPING_SOFTWARE | unix.SOF_TIMESTAMPING_OPT_ID | unix.SOF_TIMESTAMPING_OPT_TSONLY
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, flags); err != nil {
		return opError("write", "setsockopt SO_TIMESTAMPING", err)
	}
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return opError("write", "fcntl", err)
	}
	if err := q.WatchErrors(fd, stampID+s.id-senderID); err != nil {
		unix.Close(fd)
		return opWrap("write", err)
	}
	l := &stampLog{fd: fd}
	s.stamps.Store(l)
	var logs []*stampLog
	if old := q.logs.Load(); old != nil {
		logs = slices.Clone(*old)
	}
	logs = append(logs, l)
	q.logs.Store(&logs)
	return nil
}

// stamp asks for a transmit stamp if the slot does.
func stamp(w *sockio.Builder, s *transport.Slot, to *sender) {
	if s.Stamp && to.stamps.Load() != nil {
		// By the option's old number, which means the same: kernels did not know the
		// other here until 2024 (__sock_cmsg_send in net/core/sock.c).
		w.AddInt(unix.SOL_SOCKET, unix.SO_TIMESTAMPING, unix.SOF_TIMESTAMPING_TX_SOFTWARE)
	}
}

// expect takes note of packets that are about to be sent: a stamp may come
// before the system call has returned.
func (l *stampLog) expect(slots []transport.Slot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := l.next
	for i := range slots {
		if s := &slots[i]; s.Stamp {
			a := &l.asks[id%maxStamps]
			if !a.open {
				l.waiting.Add(1)
			}
			*a = ask{id: id, open: true, protocol: protocolOf(s.Data), cookie: s.Cookie}
			id++
		}
	}
}

// sent takes note of which of the packets were sent, and forgets the rest. The
// kernel has given out a number for the first of those, too, if it was a
// firewall that did not want it.
func (l *stampLog) sent(sent, rest []transport.Slot, errno unix.Errno) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range sent {
		if sent[i].Stamp {
			l.next++
		}
	}
	id := l.next
	for i := range rest {
		if rest[i].Stamp {
			if a := &l.asks[id%maxStamps]; a.open && a.id == id {
				a.open = false
				l.waiting.Add(-1)
			}
			id++
		}
	}
	if errno == unix.EPERM && len(rest) > 0 && rest[0].Stamp {
		l.next++
	}
}

// take returns what a stamp's number stands for, once.
func (l *stampLog) take(id uint32) (a ask, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &l.asks[id%maxStamps]
	if !p.open || p.id != id {
		return ask{}, false
	}
	p.open = false
	l.waiting.Add(-1)
	return *p, true
}

// tellStamps hands on the transmit stamps that have come. A packet's is there
// before any reply to it, so that it need not be waited for.
func (q *queue) tellStamps(s transport.Sink) {
	logs := q.logs.Load()
	if logs == nil {
		return
	}
	r := &q.rx
	for _, l := range *logs {
		if r.stamps || l.waiting.Load() > 0 {
			q.tellStampsOf(s, l)
		}
	}
	r.stamps = false
}

func (q *queue) tellStampsOf(s transport.Sink, l *stampLog) {
	r := &q.rx
	for r.budget > 0 && r.reports.Next(l.fd) {
		r.budget--
		if r.reports.Report.Origin != sockio.OriginStamp || r.reports.Report.Stamp == 0 {
			continue
		}
		a, ok := l.take(r.reports.Report.Data)
		if !ok {
			continue
		}
		r.sent = transport.Sent{Protocol: a.protocol, Cookie: a.cookie, Time: r.reports.Report.Stamp, Source: transport.TimeKernel}
		r.event = transport.Event{Kind: transport.PacketSent, Sent: &r.sent}
		s.Event(&r.event)
	}
}

// protocolOf returns the protocol of a packet that check has passed; with IPv6
// extension headers, that behind them.
func protocolOf(b []byte) uint8 {
	var p transport.Packet
	if p.Load(b, transport.Arrival{Flags: transport.FlagHeaderVerified}) != 0 {
		return 0
	}
	return p.Protocol()
}
