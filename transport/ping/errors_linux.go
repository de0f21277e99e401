// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"syscall"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/sockio"
)

// maxReports is how many errors of one socket one Recv hands on at most.
const maxReports = 64

// tellErrors hands on what the error queues of sockets hold.
func (q *queue) tellErrors(s transport.Sink) {
	r := &q.rx
	for len(r.failed) > 0 {
		from := r.failed[len(r.failed)-1]
		r.failed = r.failed[:len(r.failed)-1]
		for left := maxReports; left > 0 && r.reports.Next(from.fd); left-- {
			if networkError(&r.reports.Report, &r.netErr) && q.boundTo(from.v6) {
				r.event = transport.Event{Kind: transport.ErrorReceived, Err: &r.netErr}
				s.Event(&r.event)
			}
		}
	}
}

func (q *queue) boundTo(v6 bool) bool {
	if v6 {
		return q.t.bound6.Load()
	}
	return q.t.bound4.Load()
}

// networkError makes e what a report says about a request. It returns false
// for what Commit has returned already.
func networkError(r *sockio.Report, e *transport.NetworkError) bool {
	*e = transport.NetworkError{
		Origin:   transport.ErrorOrigin(r.Origin),
		Type:     r.Type,
		Code:     r.Code,
		Offender: r.Offender,
		Errno:    syscall.Errno(r.Errno),
		Time:     r.Time,
		Protocol: wire.ProtoICMP,
		Dst:      r.Dst,
		Quoted:   r.Payload,
	}
	switch e.Origin {
	case transport.OriginICMP:
	case transport.OriginICMP6:
		e.Protocol = wire.ProtoICMPv6
	default:
		return false
	}
	if r.Extended > 0 {
		e.Quoted = e.Quoted[:r.Extended]
	}
	switch {
	case syscall.Errno(r.Errno) == unix.EMSGSIZE:
		e.MTU = int(min(r.Info, 1<<16))
	case e.Origin == transport.OriginICMP && e.Type == wire.ICMPv4ParamProblem,
		e.Origin == transport.OriginICMP6 && e.Type == wire.ICMPv6ParamProblem:
		e.Pointer = r.Info
	}
	return true
}
