// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/wire"
	"protean/transport"
)

// An errorRig is a host with a handler for protocol 253, and the router that
// answers its packets with errors.
type errorRig struct {
	t   *testing.T
	r   *rig
	h   *proto.Host
	b   *proto.Binding
	got *told
	now time.Time
}

func newErrorRig(t *testing.T) *errorRig {
	e := &errorRig{t: t, r: newRig(1), got: newTold(), now: time.Now()}
	e.h = rigHost(t, e.r, nil)
	poll(t, e.h, e.now)
	e.b = handle(t, e.h, 253, e.got)
	return e
}

// send sends a packet, and returns what went out: itself or its fragments.
func (e *errorRig) send(hd proto.Header, payload []byte) [][]byte {
	e.t.Helper()
	before := len(e.r.qs[0].packets())
	do(e.t, e.b, func(env *proto.Env) {
		if err := env.Send(hd, payload); err != nil {
			e.t.Fatal(err)
		}
	})
	var out [][]byte
	for _, s := range e.r.qs[0].packets()[before:] {
		out = append(out, bytes.Clone(s.Data))
	}
	return out
}

// report has an ICMP error arrive, from a router to the source of the packet
// quoted.
func (e *errorRig) report(x wire.ICMPError) { e.arrive(icmpError(e.t, x)) }

func (e *errorRig) arrive(packets ...[]byte) {
	e.t.Helper()
	e.r.qs[0].put(packets...)
	for range 3 {
		poll(e.t, e.h, e.now)
	}
}

func icmpError(t *testing.T, x wire.ICMPError) []byte {
	t.Helper()
	if x.Quoted[0]>>4 == 4 {
		src := netip.AddrFrom4([4]byte(x.Quoted[12:16]))
		b := make([]byte, x.LenV4())
		if err := x.MarshalV4(b); err != nil {
			t.Fatal(err)
		}
		return frame(wire.ProtoICMP, "10.0.0.254", src.String(), string(b))
	}
	src, router := netip.AddrFrom16([16]byte(x.Quoted[8:24])), netip.MustParseAddr("fe80::fe")
	b := make([]byte, x.LenV6())
	if err := x.MarshalV6(b, router, src); err != nil {
		t.Fatal(err)
	}
	return frame(wire.ProtoICMPv6, router.String(), src.String(), string(b))
}

var (
	far4 = netip.MustParseAddr("192.0.2.9")
	far6 = netip.MustParseAddr("2001:db8::9")
)

// TestForgedErrorsChangeNothing: whatever does not fit to a packet that was
// sent, or says what cannot be, is counted, told to nobody and not believed.
func TestForgedErrorsChangeNothing(t *testing.T) {
	for _, dst := range []netip.Addr{far4, far6} {
		big := wire.ICMPError{Type: wire.ICMPv4Unreachable, Code: wire.ICMPv4FragNeeded, MTU: 1400}
		at, word := 12, 16 // where the source and the destination are
		if dst.Is6() {
			big = wire.ICMPError{Type: wire.ICMPv6PacketTooBig, MTU: 1400}
			at, word = 8, 24
		}
		e := newErrorRig(t)
		packet := e.send(proto.Header{Dst: dst, Cookie: 5}, noise(1450))[0]
		hdr := 20
		if dst.Is6() {
			hdr = 40
		}
		mtu := func() (mtu int) {
			do(t, e.b, func(env *proto.Env) {
				var tooBig *transport.TooBigError
				mtu = 1500
				if err := env.Send(proto.Header{Dst: dst, Frag: proto.FragNever}, make([]byte, 1500)); errors.As(err, &tooBig) {
					mtu = tooBig.MTU
				}
			})
			return mtu
		}
		for name, c := range map[string]struct {
			change func(q []byte, x *wire.ICMPError) []byte
			forged bool
		}{
			"another destination": {func(q []byte, _ *wire.ICMPError) []byte { q[word+3]++; return q }, false},
			"another protocol":    {func(q []byte, _ *wire.ICMPError) []byte { q[map[bool]int{false: 9, true: 6}[dst.Is6()]]++; return q }, false},
			"another payload":     {func(q []byte, _ *wire.ICMPError) []byte { q[hdr+7] ^= 1; return q }, false},
			"another length":      {func(q []byte, _ *wire.ICMPError) []byte { q[map[bool]int{false: 3, true: 5}[dst.Is6()]] ^= 4; return q }, false},
			"less than 8 bytes":   {func(q []byte, _ *wire.ICMPError) []byte { return q[:hdr+7] }, false},
			"an MTU below what links carry": {func(q []byte, x *wire.ICMPError) []byte {
				x.MTU = map[bool]uint32{false: 67, true: 1279}[dst.Is6()]
				return q
			}, true},
			"the packet's own length": {func(q []byte, x *wire.ICMPError) []byte { x.MTU = uint32(len(packet)); return q }, true},
			"more than was sent":      {func(q []byte, x *wire.ICMPError) []byte { x.MTU = 9000; return q }, true},
			"a part of the header":    {func(q []byte, _ *wire.ICMPError) []byte { return append([]byte(nil), q[:hdr]...) }, false},
			"another identification":  {func(q []byte, _ *wire.ICMPError) []byte { q[5] ^= 1; return q }, false},
			"no identification":       {func(q []byte, _ *wire.ICMPError) []byte { q[4], q[5] = 0, 0; return q }, false},
			"somebody else's packet":  {func(q []byte, _ *wire.ICMPError) []byte { q[at+3] ^= 0x40; return q }, false},
		} {
			if dst.Is6() && strings.HasSuffix(name, "identification") {
				continue // there is none
			}
			x := big
			x.Quoted = c.change(bytes.Clone(packet[:hdr+40]), &x)
			before := e.h.Stats().Network
			e.report(x)
			s := e.h.Stats().Network
			if s.Reported != before.Reported || s.Unmatched+s.Forged != before.Unmatched+before.Forged+1 || (s.Forged != before.Forged) != c.forged {
				t.Errorf("%v, %s: %+v, before %+v", dst, name, s, before)
			}
			if !waiting(e.got.errors) || !waiting(e.got.paths) || mtu() != 1500 {
				t.Fatalf("%v, %s: it is believed; MTU %d", dst, name, mtu())
			}
		}
		// A checksum that is wrong, and a true error in the end.
		big.Quoted = packet[:hdr+8]
		bad := icmpError(t, big)
		bad[len(bad)-1] ^= 1
		e.arrive(bad)
		if !waiting(e.got.errors) {
			t.Errorf("%v: a message with a wrong checksum is believed", dst)
		}
		e.report(big)
		if got := within(t, e.got.errors, "an honest error is not believed"); got.Cookie != 5 || got.MTU != 1400 || got.Size != len(packet) {
			t.Errorf("%v: %+v", dst, got)
		}
		if p := within(t, e.got.paths, "the path is not lowered"); p != (pathChange{dst, 1400}) || mtu() != 1400 {
			t.Errorf("%v: %+v, MTU %d", dst, p, mtu())
		}
		addsUp(t, e.h)
	}
}

// TestAFloodOfErrorsIsLimited: however many come, so many are looked into.
func TestAFloodOfErrorsIsLimited(t *testing.T) {
	e := newErrorRig(t)
	packet := e.send(proto.Header{Dst: far4}, noise(100))[0]
	packet[21] ^= 1
	forged := icmpError(t, wire.ICMPError{Type: wire.ICMPv4Unreachable, Quoted: packet[:28]})
	for range 5000 {
		e.r.qs[0].put(forged)
	}
	for range 100 {
		poll(t, e.h, e.now)
	}
	if s := e.h.Stats().Network; s.Unmatched != 1000 || s.Limited != 4000 {
		t.Errorf("%+v, want 1000 looked into and 4000 not", s)
	}
	e.now = e.now.Add(time.Second)
	packet[21] ^= 1
	e.report(wire.ICMPError{Type: wire.ICMPv4Unreachable, Quoted: packet[:28]})
	within(t, e.got.errors, "a second later an error is still not looked into")
}

// TestErrorsAboutNothingAreDearerWithALongLog, each of which is looked through for them.
func TestErrorsAboutNothingAreDearerWithALongLog(t *testing.T) {
	for _, quoted := range []int{8, 3} {
		e := newErrorRig(t)
		var packet []byte
		payload := noise(100)
		do(t, e.b, func(env *proto.Env) {
			for range 20_000 { // within a second: the log has 1<<15 places
				if err := env.Send(proto.Header{Dst: far6}, payload); err != nil {
					t.Fatal(err)
				}
			}
		})
		sent := e.r.qs[0].packets()
		packet = bytes.Clone(sent[len(sent)-1].Data)
		packet[40] ^= 1
		forged := icmpError(t, wire.ICMPError{Type: wire.ICMPv6Unreachable, Quoted: packet[:40+quoted]})
		for range 5000 {
			e.r.qs[0].put(forged)
		}
		for range 100 {
			poll(t, e.h, e.now)
		}
		// 1000 less 12 for each, or 50 where every packet is looked at; the last may be too much.
		least, most := uint64(70), uint64(100)
		if quoted < 4 {
			least, most = 15, 30
		}
		if s := e.h.Stats().Network; s.Unmatched < least || s.Unmatched > most || s.Unmatched+s.Limited != 5000 {
			t.Errorf("%d bytes quoted: %+v, want %d to %d looked into and the others not", quoted, s, least, most)
		}
		e.now = e.now.Add(time.Second)
		packet[40] ^= 1
		e.report(wire.ICMPError{Type: wire.ICMPv6Unreachable, Quoted: packet[:48]})
		within(t, e.got.errors, "a second later an error is still not looked into")
	}
}

// TestErrorsNameThePacket: of many that look alike in their first bytes, and of
// a datagram in fragments.
func TestErrorsNameThePacket(t *testing.T) {
	e := newErrorRig(t)
	payload := noise(100)
	var packets [][]byte
	for i := range 1000 {
		packets = append(packets, e.send(proto.Header{Dst: far4, Cookie: uint64(i)}, payload)...)
	}
	for _, i := range []int{999, 0, 500, 1, 998} {
		e.report(wire.ICMPError{Type: wire.ICMPv4TimeExceeded, Quoted: packets[i][:28]})
		if got := within(t, e.got.errors, fmt.Sprintf("nothing is reported about packet %d: %+v", i, e.h.Stats().Network)); got.Cookie != uint64(i) || !errors.Is(&got, syscall.EHOSTUNREACH) {
			t.Errorf("packet %d: %+v", i, got)
		}
	}
	for _, dst := range []netip.Addr{far4, far6} {
		parts := e.send(proto.Header{Dst: dst, Cookie: 4711}, noise(1900))
		if len(parts) != 2 {
			t.Fatalf("%d fragments", len(parts))
		}
		x := wire.ICMPError{Type: wire.ICMPv4TimeExceeded, Code: wire.ICMPv4ReassemblyExceeded}
		if dst.Is6() {
			x = wire.ICMPError{Type: wire.ICMPv6TimeExceeded, Code: wire.ICMPv6ReassemblyExceeded}
		}
		for i, part := range parts {
			e.now = e.now.Add(30 * time.Second)
			x.Quoted = part[:60]
			e.report(x)
			if got := within(t, e.got.errors, "nothing is reported"); got.Cookie != 4711 || got.Protocol != 253 {
				t.Errorf("fragment %d to %v: %+v", i, dst, got)
			}
		}
		e.now = e.now.Add(20 * time.Second)
		e.report(x)
		if s := e.h.Stats().Network; !waiting(e.got.errors) || s.Unmatched == 0 {
			t.Errorf("an error comes after 80 seconds, and is believed: %+v", s)
		}
	}
}

// TestRoutersThatTellNoMTU and what is assumed then.
func TestRoutersThatTellNoMTU(t *testing.T) {
	e := newErrorRig(t)
	for _, want := range []int{1492, 1006, 508, 296, 68} {
		parts := e.send(proto.Header{Dst: far4}, noise(1480))
		e.report(wire.ICMPError{Type: wire.ICMPv4Unreachable, Code: wire.ICMPv4FragNeeded, Quoted: parts[0][:28]})
		if got := within(t, e.got.paths, fmt.Sprintf("want %d", want)); got.mtu != want {
			t.Errorf("%d bytes are assumed after %d were too many, want %d", got.mtu, len(parts[0]), want)
		}
		for _, p := range e.send(proto.Header{Dst: far4}, noise(1480)) {
			if len(p) > want {
				t.Errorf("a fragment has %d bytes, the path carries %d", len(p), want)
			}
		}
	}
}

// TestPathMTUsAreForgotten after ten minutes, and the handlers told.
func TestPathMTUsAreForgotten(t *testing.T) {
	e := newErrorRig(t)
	packet := e.send(proto.Header{Dst: far4}, noise(1480))[0]
	e.report(wire.ICMPError{Type: wire.ICMPv4Unreachable, Code: wire.ICMPv4FragNeeded, MTU: 1000, Quoted: packet[:28]})
	if got := within(t, e.got.paths, "not told"); got.mtu != 1000 {
		t.Errorf("%+v", got)
	}
	next := poll(t, e.h, e.now)
	if d := next.Sub(e.now); d != 10*time.Minute {
		t.Errorf("to be called again after %v", d)
	}
	e.now = next
	e.arrive()
	if got := within(t, e.got.paths, "not told that it is forgotten"); got != (pathChange{far4, 1500}) {
		t.Errorf("%+v", got)
	}
	if n := len(e.send(proto.Header{Dst: far4}, noise(1480))); n != 1 {
		t.Errorf("%d fragments", n)
	}
}

// TestTheHostLooksAtICMPOnlyWhileItSends: it binds what it needs, with the
// first packet, and lets it go with the last handler.
func TestTheHostLooksAtICMPOnlyWhileItSends(t *testing.T) {
	for _, quotes := range []bool{false, true} {
		e := newErrorRig(t)
		e.r.caps.QuotesErrors = quotes
		e.h = rigHost(t, e.r, nil)
		b, err := e.h.Handle(254, e.got)
		if err != nil {
			t.Fatal(err)
		}
		send := func(n int) {
			do(t, b, func(env *proto.Env) {
				if err := env.Send(proto.Header{Dst: far4}, make([]byte, n)); err != nil {
					t.Fatal(err)
				}
			})
		}
		check := func(when string, want int) {
			t.Helper()
			if e.r.binds[wire.ProtoICMP] != want || e.r.binds[wire.ProtoICMPv6] != want {
				t.Errorf("error queue %v, %s: ICMP is bound %d times, ICMPv6 %d, want %d",
					quotes, when, e.r.binds[wire.ProtoICMP], e.r.binds[wire.ProtoICMPv6], want)
			}
		}
		check("registered", 0)
		send(8)
		check("a packet was sent", map[bool]int{false: 1, true: 0}[quotes])
		send(7)
		send(7)
		check("a short one was sent", 1)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		check("closed", 0)
	}
}

// TestSendingGoesOnWithoutICMP where it cannot be bound, and a handler for it can
// be registered later.
func TestSendingGoesOnWithoutICMP(t *testing.T) {
	e := newErrorRig(t)
	e.r.refuse = map[int]error{wire.ProtoICMP: syscall.EPERM, wire.ProtoICMPv6: syscall.EPERM}
	for range 2 {
		if n := len(e.send(proto.Header{Dst: far4}, noise(100))); n != 1 {
			t.Fatalf("%d packets", n)
		}
	}
	if _, err := e.h.Handle(wire.ProtoICMP, proto.HandlerFunc(taking)); !errors.Is(err, syscall.EPERM) {
		t.Errorf("registering for ICMP meanwhile: %v", err)
	}
	e.r.refuse = nil
	handle(t, e.h, wire.ProtoICMP, proto.HandlerFunc(taking))
	if e.r.binds[wire.ProtoICMP] != 1 {
		t.Errorf("ICMP is bound %d times", e.r.binds[wire.ProtoICMP])
	}
}

// TestLocalErrorsLowerThePath: the transport knows better.
func TestLocalErrorsLowerThePath(t *testing.T) {
	e := newErrorRig(t)
	e.r.qs[0].commit = func(int) (int, error) { return 0, &transport.TooBigError{Size: 1500, MTU: 1200} }
	if n := len(e.send(proto.Header{Dst: far4, Cookie: 3}, noise(1480))); n != 0 {
		t.Fatalf("%d packets went out", n)
	}
	e.r.qs[0].commit = nil
	e.arrive()
	if got := within(t, e.got.errors, "not told"); got.Origin != transport.OriginLocal || got.MTU != 1200 || got.Cookie != 3 {
		t.Errorf("%+v", got)
	}
	if got := within(t, e.got.paths, "not told of the path"); got != (pathChange{far4, 1200}) {
		t.Errorf("%+v", got)
	}
	for _, p := range e.send(proto.Header{Dst: far4}, noise(1480)) {
		if len(p) > 1200 || binary.BigEndian.Uint16(p[6:])&0x3fff == 0 {
			t.Errorf("a packet of %d bytes", len(p))
		}
	}
}
