// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"errors"
	"reflect"
	"slices"

	"protean/transport"
)

// generalTests are run once. They send nothing.
func generalTests() []subtest {
	return append([]subtest{
		{"Caps are plausible and constant", nil, capsConstant},
		{"Queues are fixed", nil, queuesFixed},
		{"Interfaces are plausible and belong to the caller", nil, interfacesOwned},
		{"abilities are found through decorators", nil, asThroughDecorators},
		{"Recv returns at once when nothing is waiting", unlessReceiving, recvNothing},
		{"Recv says that the transport only sends", unlessSendOnly, recvUnsupported},
		{"Bind refuses what is not a protocol", unlessReceiving, bindRange},
		{"Bind of AnyProtocol is refused", unlessNotForeign, bindAnyUnsupported},
	}, wakeTests()...)
}

func unlessSendOnly(c *transport.Caps) string {
	if !c.SendOnly {
		return "Caps.SendOnly: the transport receives"
	}
	return ""
}

func unlessNotForeign(c *transport.Caps) string {
	if c.Foreign {
		return "Caps.Foreign: the transport takes every protocol"
	}
	return unlessReceiving(c)
}

func capsConstant(x *trial) {
	c := x.caps
	switch {
	case c.Name == "":
		x.errorf("Caps.Name is empty")
	case c.Batch < 1:
		x.errorf("Caps.Batch is %d", c.Batch)
	case c.MaxPacket < 576:
		x.errorf("Caps.MaxPacket is %d, less than what every host must take (RFC 791, section 3.2)", c.MaxPacket)
	case c.V6 && c.MaxPacket < 1280:
		x.errorf("Caps.MaxPacket is %d, less than the IPv6 minimum MTU", c.MaxPacket)
	case !c.V4 && !c.V6:
		x.errorf("Caps name no family")
	}
	if !c.SendOnly {
		x.noerr(x.a.Transport.Bind(proto1), "Bind")
	}
	if x.a.Transport.Caps() != c {
		x.errorf("Caps have changed from %+v to %+v", c, x.a.Transport.Caps())
	}
}

func queuesFixed(x *trial) {
	first := x.a.Transport.Queues()
	if len(first) == 0 || slices.Contains(first, nil) {
		x.fatalf("Queues returned %v", first)
	}
	for range 2 {
		if again := x.a.Transport.Queues(); !slices.Equal(first, again) {
			x.errorf("Queues returned %v, then %v", first, again)
		}
	}
}

func interfacesOwned(x *trial) {
	t := x.a.Transport
	first, again := t.Interfaces(), copyInterfaces(t.Interfaces())
	if !reflect.DeepEqual(first, again) {
		x.fatalf("two snapshots differ: %+v and %+v", first, again)
	}
	seen := map[int]bool{}
	for i := range first {
		f := &first[i]
		if f.Index <= 0 || seen[f.Index] || f.Name == "" || f.MTU < 68 {
			x.errorf("interface is not plausible, or its index is not unique: %+v", *f)
		}
		seen[f.Index] = true
		for _, p := range f.Prefixes {
			if !p.IsValid() || p.Addr().Zone() != "" {
				x.errorf("interface %s has the prefix %v", f.Name, p)
			}
		}
	}
	if !seen[x.a.IfIndex] {
		x.errorf("interface %d of the endpoint is not among %+v", x.a.IfIndex, first)
	}
	for i := range first { // what the caller does to its snapshot is its own affair
		f := &first[i]
		f.Index, f.Name, f.MTU = -1, "overwritten", -1
		clear(f.Prefixes)
		for j := range f.HardwareAddr {
			f.HardwareAddr[j] ^= 0xff
		}
	}
	if now := t.Interfaces(); !reflect.DeepEqual(now, again) {
		x.errorf("a caller that changed its snapshot has changed the transport's: %+v instead of %+v", now, again)
	}
}

func copyInterfaces(all []transport.Interface) []transport.Interface {
	all = slices.Clone(all)
	for i := range all {
		all[i] = all[i].Clone()
	}
	return all
}

// A wrapper is a decorator that does nothing.
type wrapper struct{ transport.Transport }

func (w wrapper) Unwrap() transport.Transport { return w.Transport }

// A marker is a decorator with an ability of its own.
type marker struct{ wrapper }

func (marker) marked() {}

func asThroughDecorators(x *trial) {
	t := x.a.Transport
	outer := wrapper{wrapper{t}}
	_, want := transport.As[transport.StatsReader](t)
	if _, got := transport.As[transport.StatsReader](outer); got != want {
		x.errorf("StatsReader is found: %v; through decorators: %v", want, got)
	}
	_, want = transport.As[transport.Multicaster](t)
	if _, got := transport.As[transport.Multicaster](outer); got != want {
		x.errorf("Multicaster is found: %v; through decorators: %v", want, got)
	}
	type hasMark interface{ marked() }
	if _, ok := transport.As[hasMark](wrapper{marker{wrapper{t}}}); !ok {
		x.errorf("an ability of the inner of two decorators is not found")
	}
	if _, ok := transport.As[hasMark](outer); ok {
		x.errorf("an ability is found that nobody has")
	}
}

func recvNothing(x *trial) {
	in := x.unbound(&x.a)
	for _, q := range in.queues {
		for _, limit := range []int{-1, 0, 1, 64} {
			x.step("Recv with limit %d and nothing waiting", limit)
			in.recv(q, limit)
		}
	}
}

func recvUnsupported(x *trial) {
	in := x.unbound(&x.a)
	for _, q := range in.queues {
		n, err := q.Recv(in, 1)
		var ue *transport.UnsupportedError
		if n != 0 || !errors.As(err, &ue) || !errors.Is(err, errors.ErrUnsupported) {
			x.fatalf("Recv returned %d, %v, want an *UnsupportedError", n, err)
		}
		if ue.Transport != x.caps.Name {
			x.errorf("the error is about transport %q, Caps.Name is %q", ue.Transport, x.caps.Name)
		}
	}
}
