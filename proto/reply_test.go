// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/transport"
)

func TestReplyGoesThroughThePacketsInterface(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	handle(t, h, 253, proto.HandlerFunc(replyInPlace))
	r.qs[0].put(in(253))
	poll(t, h, time.Now())
	if sent := r.qs[0].packets(); len(sent) != 1 || sent[0].IfIndex != 1 {
		t.Errorf("sent %v, want one packet through interface 1", sent)
	}
}

func TestReplyToWhomNobodyIsIsRefused(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	var err error
	handle(t, h, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		_, err = env.Reply(p, 0)
		return err
	}))
	for _, src := range []string{"255.255.255.255", "10.0.0.255", "10.9.0.255", "0.0.0.0", "224.0.0.5"} {
		err = nil
		r.qs[0].put(frame(253, src, "10.0.0.2", ""))
		poll(t, h, time.Now())
		var he *proto.HeaderError
		if !errors.As(err, &he) {
			t.Errorf("to %s: %v, want a HeaderError", src, err)
		}
	}
	if n := len(r.qs[0].packets()); n != 0 {
		t.Errorf("%d packets sent, want none", n)
	}
}

// routedRig is a rig that knows routes.
type routedRig struct {
	*rig
	asked int
	src   netip.Addr // of routes; not valid: the host is to choose
}

func (r *routedRig) Route(netip.Addr, int) (transport.Route, error) {
	r.asked++
	return transport.Route{Src: r.src, IfIndex: 1, MTU: 1500}, nil
}

func TestRoutesAreAskedForAgainWhenALinkChanges(t *testing.T) {
	r := &routedRig{rig: newRig(1)}
	h := rigHost(t, r, nil)
	b := handle(t, h, 253, proto.HandlerFunc(echo))
	now := time.Now()
	poll(t, h, now) // time stands still from here on
	send := func() {
		do(t, b, func(env *proto.Env) {
			if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	send()
	send()
	if r.asked != 1 {
		t.Errorf("asked %d times for one route, want once", r.asked)
	}
	r.qs[0].events = []transport.Event{{Kind: transport.LinkChanged, Interface: &r.ifs[0]}}
	poll(t, h, now)
	send()
	send()
	if r.asked != 2 {
		t.Errorf("asked %d times with a link change in between, want twice", r.asked)
	}
}
