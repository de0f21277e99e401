// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/wire"
	"protean/transport"
)

func TestLoopbackAddressesAreNotAnsweredOnALink(t *testing.T) {
	for _, loopback := range []bool{false, true} {
		r := newRig(1)
		r.ifs[0].Loopback = loopback
		h := rigHost(t, r, nil)
		calls := 0
		handle(t, h, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
			calls++
			s, err := env.Reply(p, 0)
			if err == nil {
				s.Discard()
			}
			var he *proto.HeaderError
			if errors.As(err, &he) != !loopback || loopback && err != nil {
				t.Errorf("from %v, through the loopback interface %v: %v", p.Src(), loopback, err)
			}
			return nil
		}))
		r.qs[0].put(frame(253, "127.0.0.1", "10.0.0.2", ""), frame(253, "::1", "fe80::2", ""))
		poll(t, h, time.Now())
		if calls != 2 {
			t.Errorf("%d packets came", calls)
		}
	}
}

func TestNothingIsSentToTheUnspecifiedAddress(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	b := handle(t, h, 253, proto.HandlerFunc(taking))
	c := conn(t)(h.Listen(254, nil))
	for _, dst := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		var he *proto.HeaderError
		do(t, b, func(env *proto.Env) {
			for _, exact := range []bool{false, true} {
				if err := env.Send(proto.Header{Dst: dst, IfIndex: 1, Exact: exact, Protocol: 253}, nil); !errors.As(err, &he) {
					t.Errorf("Send to %v: %v", dst, err)
				}
			}
		})
		if _, err := c.WriteTo(nil, &net.IPAddr{IP: dst.AsSlice()}); !errors.As(err, &he) {
			t.Errorf("WriteTo %v: %v", dst, err)
		}
	}
	if n := len(r.qs[0].packets()); n != 0 {
		t.Errorf("%d packets sent", n)
	}
}

// TestErrorsAboutErrorsAndFragments: none about ICMP errors and redirects (RFC 1122, section
// 3.2.2, RFC 4443, section 2.4 (e)), and of later fragments about those of IPv6 alone: RFC
// 8200, section 4.5, has some, and RFC 1122 forbids them.
func TestErrorsAboutErrorsAndFragments(t *testing.T) {
	frag4 := frame(253, "10.0.0.1", "10.0.0.2", "12345678")
	frag4[6], frag4[7] = 0x20, 1
	wire.IPv4(frag4).FillChecksum()
	for _, c := range []struct {
		packet []byte
		errors int
	}{
		{frag4, 0},
		{frame(44, "fd00::1", "fe80::2", "\xfd\x00\x00\x09\x00\x00\x00\x0112345678"), 1},
		{frame(44, "fd00::1", "fe80::2", "\x3a\x00\x00\x09\x00\x00\x00\x01\x01\x0012345678"), 1}, // of ICMPv6: no type is here
		{frame(1, "10.0.0.1", "10.0.0.2", "\x08\x0012345678901234567890"), 1},
		{frame(1, "10.0.0.1", "10.0.0.2", "\x03\x0012345678901234567890"), 0}, // an error
		{frame(1, "10.0.0.1", "10.0.0.2", "\x05\x0012345678901234567890"), 0}, // a redirect
		{frame(58, "fd00::1", "fe80::2", "\x80\x0012345678901234567890"), 1},
		{frame(58, "fd00::1", "fe80::2", "\x01\x0012345678901234567890"), 0},
		{frame(58, "fd00::1", "fe80::2", "\x89\x0012345678901234567890"), 0},
	} {
		r := newRig(1)
		h := rigHost(t, r, nil)
		b := handle(t, h, 253, proto.HandlerFunc(taking))
		var p proto.Packet
		if bad := p.Load(c.packet, transport.Arrival{IfIndex: 1}); bad != 0 {
			t.Fatal(bad)
		}
		do(t, b, func(env *proto.Env) {
			typ := uint8(wire.ICMPv6ParamProblem)
			if !p.Is6() {
				typ = wire.ICMPv4ParamProblem
			}
			err := env.Unreachable(&p, typ, 0, 4)
			if (err == nil) != (c.errors == 1) || err != nil && err != proto.ErrNoICMPError {
				t.Errorf("% x: %v", c.packet[:8], err)
			}
		})
		if n := len(r.qs[0].packets()); n != c.errors {
			t.Errorf("% x: %d errors sent", c.packet[:8], n)
		}
	}
}
