// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"protean/proto"
	"protean/transport"
)

// Join and Leave count the memberships that the rig is asked for.
func (t *rig) Join(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	t.members[memberKey(ifindex, group, sources)]++
	return nil
}

func (t *rig) Leave(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	k := memberKey(ifindex, group, sources)
	if t.members[k]--; t.members[k] == 0 {
		delete(t.members, k)
	}
	return nil
}

func (t *rig) Claim(ifindex int, addr netip.Addr, _ []byte) error { return t.Join(-ifindex, addr) }
func (t *rig) Unclaim(ifindex int, addr netip.Addr) error         { return t.Leave(-ifindex, addr) }

func memberKey(ifindex int, group netip.Addr, sources []netip.Addr) string {
	return fmt.Sprint(ifindex, group, sources)
}

// isMember fails the test unless the rig is a member of exactly these, once.
func (t *rig) isMember(tb testing.TB, when string, want ...string) {
	tb.Helper()
	var got []string
	for k, n := range t.members {
		got = append(got, k)
		if n != 1 {
			tb.Errorf("%s: joined %s %d times", when, k, n)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		tb.Errorf("%s: member of %q, want %q", when, got, want)
	}
}

func TestAMembershipEndsWithTheLastBindingThatHasIt(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	group := netip.MustParseAddr("224.0.0.18")
	addr := netip.MustParseAddr("10.0.0.50")
	start := func(env *proto.Env) error {
		for range 2 { // the second time says nothing new
			if err := env.Join(1, group); err != nil {
				return err
			}
			if err := env.Claim(1, addr, nil); err != nil {
				return err
			}
		}
		return nil
	}
	joined, claimed := memberKey(1, group, nil), memberKey(-1, addr, nil)
	a := handle(t, h, 112, &script{start: start})
	b := handle(t, h, 113, &script{start: start})
	r.isMember(t, "two", joined, claimed)
	a.Close()
	r.isMember(t, "one closed", joined, claimed)
	c := handle(t, h, 114, &script{start: start})
	do(t, b, func(env *proto.Env) {
		for range 2 { // leaving what is left already is no error
			if err := env.Leave(1, group); err != nil {
				t.Error(err)
			}
			if err := env.Unclaim(1, addr); err != nil {
				t.Error(err)
			}
		}
	})
	r.isMember(t, "one left", joined, claimed)
	c.Close()
	r.isMember(t, "all gone")
}

// TestAMembershipEndsWithItsInterface, so that a handler who joins again when it is back
// does.
func TestAMembershipEndsWithItsInterface(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	group, addr := netip.MustParseAddr("224.0.0.18"), netip.MustParseAddr("10.0.0.50")
	join := func(env *proto.Env, index int) error {
		return errors.Join(env.Join(index, group), env.Claim(index, addr, nil))
	}
	b := handle(t, h, 112, &script{
		start: func(env *proto.Env) error { return errors.Join(join(env, 1), join(env, 2)) },
		link: func(env *proto.Env, f *transport.Interface) error {
			if f.Removed {
				return nil
			}
			return join(env, f.Index)
		},
	})
	of := func(i int) []string { return []string{memberKey(i, group, nil), memberKey(-i, addr, nil)} }
	event := func(f transport.Interface) {
		r.qs[0].with(func() {
			r.qs[0].events = append(r.qs[0].events, transport.Event{Kind: transport.LinkChanged, Interface: &f})
		})
		poll(t, h, time.Now())
	}
	r.isMember(t, "at first", slices.Concat(of(1), of(2))...)
	event(transport.Interface{Index: 1, Removed: true})
	r.isMember(t, "one interface is gone", of(2)...)
	event(transport.Interface{Index: 1, Up: true})
	r.isMember(t, "it is back", slices.Concat(of(1), of(2))...)
	if s := h.Stats(); s.Errors != 0 {
		t.Errorf("%d errors", s.Errors)
	}
	b.Close()
	r.isMember(t, "closed")
}

// Each source of a group is a membership of its own.
func TestSourceSpecificMembershipsAreKeptApart(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	group := netip.MustParseAddr("232.1.1.1")
	s1, s2 := netip.MustParseAddr("10.0.0.8"), netip.MustParseAddr("10.0.0.9")
	join := func(sources ...netip.Addr) *script {
		return &script{start: func(env *proto.Env) error {
			for i := range sources {
				if err := env.Join(1, group, sources[i:i+1]...); err != nil {
					return err
				}
			}
			clear(sources) // the caller's memory is the caller's
			return nil
		}}
	}
	k1, k2 := memberKey(1, group, []netip.Addr{s1}), memberKey(1, group, []netip.Addr{s2})
	a := handle(t, h, 112, join(s1, s2))
	b := handle(t, h, 113, join(s2))
	r.isMember(t, "two sources", k1, k2)
	do(t, b, func(env *proto.Env) {
		if err := env.Leave(1, group, s1); err != nil { // another's
			t.Error(err)
		}
	})
	r.isMember(t, "another's source left", k1, k2)
	a.Close()
	r.isMember(t, "the first closed", k2)
	b.Close()
	r.isMember(t, "both closed")
}

func TestMembershipsAreForCallbacks(t *testing.T) {
	h := rigHost(t, newRig(1), nil)
	b := handle(t, h, 253, proto.HandlerFunc(echo))
	var env *proto.Env
	do(t, b, func(e *proto.Env) { env = e })
	group := netip.MustParseAddr("224.0.0.1")
	_, route := env.Route(group, 1)
	for name, err := range map[string]error{
		"Join":    env.Join(1, group),
		"Leave":   env.Leave(1, group),
		"Claim":   env.Claim(1, group, nil),
		"Unclaim": env.Unclaim(1, group),
		"Route":   route,
	} {
		if err != proto.ErrNotOnLoop {
			t.Errorf("%s: %v, want ErrNotOnLoop", name, err)
		}
	}
}
