// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"errors"
	"slices"
	"syscall"

	"protean/transport"
)

// Event is called by the transport for each event.
//
//go:noinline
func (q *queue) Event(e *transport.Event) {
	q.release()
	switch e.Kind {
	case transport.PacketsLost:
		q.stats.lost.Add(e.Lost)
	case transport.LinkChanged:
		if !q.listed { // which has all that this pass is told of
			q.listed = true
			q.h.listLinks()
		}
		if e.Interface.Removed {
			q.h.members.forget(e.Interface.Index)
		}
		for _, b := range *q.h.bindings.Load() {
			if b.linkHandler != nil {
				q.with(b, "HandleLink", func(env *Env) error { return b.linkHandler.HandleLink(env, e.Interface) })
			}
		}
	case transport.PacketSent:
		for _, b := range *q.h.bindings.Load() {
			if b.sentHandler != nil && b.wants(int(e.Sent.Protocol)) {
				q.with(b, "HandleSent", func(env *Env) error { return b.sentHandler.HandleSent(env, e.Sent) })
			}
		}
	case transport.ErrorReceived:
		q.netErr = *e.Err
		q.networkError(&q.netErr, e.Err.Size != 0 && e.Err.Origin != transport.OriginLocal)
	}
}

// with runs a callback of b on this loop, containing its panic.
func (q *queue) with(b *Binding, name string, f func(*Env) error) {
	if !q.switchTo(b) {
		return
	}
	defer q.release()
	q.out.nowOK = false
	defer b.contain(&q.out)
	if err := f(q.env); err != nil {
		b.failed(name, err)
	}
}

// maxFaults bounds the reports of send errors that wait for the loop; the
// counters have them all.
const maxFaults = 64

// sendFailed has the handler told that the transport refused packet d with
// err.
func (b *Binding) sendFailed(err error, d []byte, cookie uint64) {
	if b.errorHandler == nil {
		return
	}
	e := &NetworkError{Origin: transport.OriginLocal, Errno: err, Cookie: cookie, Time: b.host.toTime(b.host.nowNs()).UnixNano()}
	var tooBig *transport.TooBigError
	if errors.As(err, &tooBig) {
		e.MTU, e.Errno = tooBig.MTU, syscall.EMSGSIZE
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		e.Errno = errno
	}
	var p Packet
	if p.Load(d, transport.Arrival{}) == 0 {
		e.Protocol, e.Src, e.Dst = p.Protocol(), p.Src(), p.Dst()
		e.Quoted = slices.Clone(p.Payload()[:min(len(p.Payload()), quoteLen)])
	}
	b.postMu.Lock()
	full := len(b.faults) >= maxFaults
	if !full {
		b.faults = append(b.faults, e)
	}
	b.postMu.Unlock()
	if !full {
		b.needService()
	}
}

// quoteLen is how much of a payload a local error quotes, as much as an ICMP
// error must at least hold for IPv6 reports to be of use.
const quoteLen = 128

// callError reports a local error on the loop.
func (b *Binding) callError(o *outbox, env *Env, e *NetworkError) {
	b.callContained(o, func(env *Env) {
		if err := b.errorHandler.HandleError(env, e); err != nil {
			b.failed("HandleError", err)
		}
	}, env)
}
