// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"syscall"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/guard"
	"protean/transport/internal/sockio"
)

// maxReports is how many messages of error queues one Recv hands on at most.
const maxReports = 64

// bindErrors has the error queues of a binding's guard read. They are the
// guard's, and not those of the receiving sockets, so that errors take up no
// room for packets and do not end up as errors of recvmmsg, and so that those
// about neighbours that do not answer come too, which arrive by the loopback
// interface whatever SO_BINDTODEVICE says.
func (t *Transport) bindErrors(p uint8, b *binding) error {
	if b.guard == nil {
		return nil
	}
	for _, v6 := range t.families() {
		family := guard.V4
		if v6 {
			family = guard.V6
		}
		if b.guard.Families()&family == 0 {
			continue // of the sockets that were passed in
		}
		fd, err := unix.FcntlInt(uintptr(b.guard.FD(family)), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return opError("bind", "fcntl", err)
		}
		s := &sock{fd: fd, v6: v6, protocol: p}
		s.refs.Store(1)
		b.errs = append(b.errs, s)
		id := sockID(v6, p)
		t.errs[id].Store(s)
		stamps := sockio.Option{Call: "SO_TIMESTAMPNS", Level: unix.SOL_SOCKET, Name: unix.SO_TIMESTAMPNS_NEW, Value: 1}
		if err := opWrap("bind", sockio.SetOptions(fd, []sockio.Option{stamps})); err != nil {
			return err
		}
		if err := opWrap("bind", t.q.WatchErrors(fd, errorID+id)); err != nil {
			return err
		}
	}
	return nil
}

// tellReports hands on what error queues hold: stamps, then errors.
func (q *queue) tellReports(s transport.Sink) {
	r := &q.rx
	q.tellStamps(s)
	for len(r.errs) > 0 && r.budget > 0 {
		from := r.errs[len(r.errs)-1]
		if !q.tellErrors(s, from) {
			r.errs = r.errs[:len(r.errs)-1]
		}
	}
}

// tellErrors hands on the errors of one socket, and reports whether there may
// be more.
func (q *queue) tellErrors(s transport.Sink, from *sock) bool {
	if !from.acquire() {
		return false
	}
	defer from.release()
	r := &q.rx
	for ; r.budget > 0; r.budget-- {
		if !r.reports.Next(from.fd) {
			return false
		}
		if from.dead.Load() || !networkError(&r.reports.Report, &r.netErr) || !q.t.mine(&r.netErr) {
			continue
		}
		r.event = transport.Event{Kind: transport.ErrorReceived, Err: &r.netErr}
		r.budget--
		s.Event(&r.event)
		return true
	}
	return true
}

// mine reports whether an error is about a packet that the transport may have
// sent.
func (t *Transport) mine(e *transport.NetworkError) bool {
	local := t.cfg.Local4
	if e.Src.Is6() {
		local = t.cfg.Local6
	}
	return !local.IsValid() || local.WithZone("") == e.Src
}

// networkError makes e what a report says about a packet quoted from its IP
// header on. It returns false if no header is quoted.
func networkError(r *sockio.Report, e *transport.NetworkError) bool {
	*e = transport.NetworkError{
		Origin:   transport.ErrorOrigin(r.Origin),
		Type:     r.Type,
		Code:     r.Code,
		Offender: r.Offender,
		Errno:    syscall.Errno(r.Errno),
		Time:     r.Time,
	}
	if e.Origin != transport.OriginICMP && e.Origin != transport.OriginICMP6 {
		return false
	}
	quote := r.Payload
	if r.Extended > 0 {
		quote = quote[:r.Extended]
	}
	if e.Origin == transport.OriginICMP6 {
		if !quoted6(quote, e) {
			return false
		}
	} else if !quoted4(quote, e) {
		return false
	}
	switch {
	case syscall.Errno(r.Errno) == syscall.EMSGSIZE:
		e.MTU = int(min(r.Info, 1<<16))
	case e.Origin == transport.OriginICMP && e.Type == wire.ICMPv4ParamProblem,
		e.Origin == transport.OriginICMP6 && e.Type == wire.ICMPv6ParamProblem:
		e.Pointer = r.Info
	}
	return true
}

// quoted4 fills in what an IPv4 header that an error quotes tells.
func quoted4(b []byte, e *transport.NetworkError) bool {
	ip, bad := wire.ParseIPv4Quoted(b)
	if bad != wire.NotMalformed {
		return false
	}
	e.Protocol, e.Src, e.Dst = ip.Protocol(), ip.Src(), ip.Dst()
	e.ID, e.Size, e.Quoted = uint32(ip.ID()), ip.TotalLen(), ip.Payload()
	return true
}

// quoted6 is quoted4 for IPv6, with the extension headers.
func quoted6(b []byte, e *transport.NetworkError) bool {
	ip, bad := wire.ParseIPv6Quoted(b)
	var c wire.Chain
	if bad != wire.NotMalformed || wire.WalkIPv6(ip, &c) != wire.NotMalformed {
		return false
	}
	if c.Fragment != 0 {
		e.ID = wire.IPv6Fragment(ip[c.Fragment:]).ID()
	}
	e.Protocol, e.Src, e.Dst = c.Protocol, ip.Src(), ip.Dst()
	e.Size, e.Quoted = wire.IPv6HeaderLen+ip.PayloadLen(), ip[c.HeaderLen:]
	return true
}
