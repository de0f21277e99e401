// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/sockio"
	"protean/transport/netlab"
)

// errorSink keeps network errors.
type errorSink struct {
	collector
	errs []transport.NetworkError
}

func (c *errorSink) Event(e *transport.Event) {
	if e.Kind != transport.ErrorReceived {
		c.collector.Event(e)
		return
	}
	kept := *e.Err
	kept.Quoted = bytes.Clone(kept.Quoted)
	c.errs = append(c.errs, kept)
}

// wait receives until there are n errors.
func (c *errorSink) wait(t testing.TB, tr *Transport, n int) {
	t.Helper()
	q := tr.Queues()[0]
	for end := time.Now().Add(10 * time.Second); len(c.errs) < n; {
		if _, err := q.Recv(c, 64); err != nil {
			t.Fatalf("Recv: %v", err)
		}
		if len(c.errs) < n {
			if time.Now().After(end) {
				t.Fatalf("%d errors came, want %d", len(c.errs), n)
			}
			if err := q.Wait(time.Now().Add(50 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestErrorsOfTheNetworkAreEvents(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for name, cfg := range map[string]Config{
		"Included": {}, "Kernel": {Header: Kernel}, "on an interface": {Interface: "eth0"},
		"from an address": {Local4: a.Addr4(), Local6: a.Addr6()},
	} {
		t.Run(name, func(t *testing.T) {
			tx := open(t, a, cfg)
			bind(t, tx, 253)
			if !tx.Caps().QuotesErrors {
				t.Error("Caps.QuotesErrors is not set")
			}
			families(t, func(t *testing.T, v6 bool) {
				h := between(a, b, v6)
				p := packet(h, pattern(100))
				before := time.Now()
				send(t, tx, p)
				var c errorSink
				c.wait(t, tx, 1)
				e := c.errs[0]
				want := transport.NetworkError{
					Origin: transport.OriginICMP, Type: 3, Code: 2, Offender: b.Addr4(), Errno: syscall.ENOPROTOOPT,
					Time: e.Time, Protocol: 253, Src: h.src, Dst: h.dst, ID: e.ID, Size: len(p), Quoted: e.Quoted,
				}
				if v6 {
					want.Origin, want.Type, want.Code, want.Offender, want.Errno = transport.OriginICMP6, 4, 1, b.Addr6(), syscall.EPROTO
					want.Pointer = 6 // the Next Header field
				}
				if e.Protocol != want.Protocol || e.Src != want.Src || e.Dst != want.Dst || e.Origin != want.Origin || e.Type != want.Type ||
					e.Code != want.Code || e.Offender != want.Offender || e.Errno != want.Errno || e.Size != want.Size || e.Pointer != want.Pointer || e.MTU != 0 {
					t.Errorf("got  %+v\nwant %+v", e, want)
				}
				if !v6 && cfg.Header == Included && e.ID != 0x1234 {
					t.Errorf("identification %#x", e.ID)
				}
				if !bytes.Equal(e.Quoted, pattern(100)) {
					t.Errorf("quoted %x", e.Quoted)
				}
				if at := time.Unix(0, e.Time); at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
					t.Errorf("time %v", at)
				}
			})
		})
	}
}

func TestANeighbourThatDoesNotAnswerIsAnError(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	// By the loopback interface, so that one bound to another has to see it too.
	tx := open(t, a, Config{Interface: "eth0"})
	bind(t, tx, 253)
	dst4, dst6 := addr("10.77.1.77"), addr("fd77:1::77")
	send(t, tx,
		packet(header{src: a.Addr4(), dst: dst4}, pattern(20)),
		packet(header{src: a.Addr6(), dst: dst6}, pattern(20)))
	var c errorSink
	c.wait(t, tx, 2)
	for _, e := range c.errs {
		typ, code, origin := uint8(3), uint8(1), transport.OriginICMP
		if e.Dst.Is6() {
			typ, code, origin = 1, 3, transport.OriginICMP6
		}
		if e.Origin != origin || e.Type != typ || e.Code != code || e.Errno != syscall.EHOSTUNREACH || e.Dst != dst4 && e.Dst != dst6 {
			t.Errorf("got %+v", e)
		}
	}
	if c.errs[0].Dst == c.errs[1].Dst {
		t.Error("two errors about one packet")
	}
}

func TestThePathMTUIsToldAndLearnt(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{})
	bind(t, tx, 253)
	families(t, func(t *testing.T, v6 bool) {
		h := between(a, b, v6)
		h.df = true
		send(t, tx, packet(h, pattern(1400)))
		var c errorSink
		c.wait(t, tx, 1)
		e := c.errs[0]
		if e.MTU != 1300 || e.Errno != syscall.EMSGSIZE || e.Dst != b.Addr4() && e.Dst != b.Addr6() || e.Offender == e.Dst {
			t.Errorf("got %+v, want a router's error with an MTU of 1300", e)
		}
		// The route's, once what was remembered of it is forgotten.
		for end := time.Now().Add(5 * time.Second); ; pause() {
			r, err := tx.Route(h.dst, 0)
			if err != nil {
				t.Fatal(err)
			}
			if r.MTU == 1300 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("the route has an MTU of %d", r.MTU)
			}
		}
	})
}

func TestErrorsAboutOthersPacketsDoNotCome(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	other := open(t, a, Config{})
	families(t, func(t *testing.T, v6 bool) {
		tx := open(t, a, Config{})
		bind(t, tx, 253, 252)
		h := between(a, b, v6)
		h.protocol = 200
		send(t, other, packet(h, pattern(20))) // of a protocol that is not bound
		h.protocol = 252
		if err := tx.Unbind(252); err != nil {
			t.Fatal(err)
		}
		send(t, tx, packet(h, pattern(20))) // of one that is not bound any more
		h.protocol = 253
		send(t, tx, packet(h, pattern(20)))
		var c errorSink
		c.wait(t, tx, 1)
		if n, err := tx.Queues()[0].Recv(&c, 64); n != 0 || err != nil || len(c.errs) != 1 || c.errs[0].Protocol != 253 {
			t.Errorf("%d packets, %v, errors %+v", n, err, c.errs)
		}
		// With an address of the transport's own, none about another's.
		local := Config{Local4: addr("127.0.0.1"), Local6: addr("::1")}
		own := open(t, a, local)
		bind(t, own, 253)
		send(t, tx, packet(h, pattern(20)))
		c.wait(t, tx, 2)
		var none errorSink
		if _, err := own.Queues()[0].Recv(&none, 64); err != nil || len(none.errs) != 0 {
			t.Errorf("%v, errors %+v", err, none.errs)
		}
	})
}

func TestErrorsAreBoundedPerRecvAndPacketsComeBesideThem(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx, peer := open(t, a, Config{}), open(t, b, Config{})
	bind(t, tx, 253)
	families(t, func(t *testing.T, v6 bool) {
		p := packet(between(a, b, v6), pattern(20))
		for range 3 * maxReports {
			send(t, tx, p)
		}
		back := between(b, a, v6)
		send(t, peer, packet(back, nil))
		var c errorSink
		q := tx.Queues()[0]
		if err := q.Wait(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := q.Recv(&c, 64)
		if err != nil || n != 1 || len(c.errs) == 0 || len(c.errs) > maxReports {
			t.Errorf("%d packets and %d errors at once, %v; want 1 and at most %d", n, len(c.errs), err, maxReports)
		}
		c.wait(t, tx, 3*maxReports)
		// The queue is empty, and nothing is ready any more.
		if err := q.Wait(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := q.Recv(&c, 64); n != 0 || err != nil || len(c.errs) != 3*maxReports {
			t.Errorf("%d packets, %v, %d errors", n, err, len(c.errs))
		}
	})
}

func TestReportsOfErrorsAreTakenApart(t *testing.T) {
	good4 := packet(header{src: addr("10.0.0.1"), dst: addr("10.0.0.2")}, pattern(30))
	good6 := packet(header{src: addr("fd00::1"), dst: addr("fd00::2")}, pattern(30))
	fragment := packet(header{src: addr("fd00::1"), dst: addr("fd00::2"), protocol: 44}, append([]byte{253, 0, 0, 1, 0xde, 0xad, 0xbe, 0xef}, pattern(30)...))
	icmp, icmp6 := uint8(transport.OriginICMP), uint8(transport.OriginICMP6)
	for name, c := range map[string]struct {
		r    sockio.Report
		ok   bool
		want transport.NetworkError
	}{
		"local":                 {r: sockio.Report{Origin: 1, Payload: good4}},
		"no quote":              {r: sockio.Report{Origin: icmp}},
		"of the other family":   {r: sockio.Report{Origin: icmp, Payload: good6}},
		"of the other family 6": {r: sockio.Report{Origin: icmp6, Payload: good4}},
		"cut in the header":     {r: sockio.Report{Origin: icmp, Payload: good4[:19]}},
		"options cut off":       {r: sockio.Report{Origin: icmp, Payload: append([]byte{0x4f}, good4[1:30]...)}},
		"parameter problem": {r: sockio.Report{Origin: icmp, Type: 12, Info: 20, Payload: good4}, ok: true,
			want: transport.NetworkError{Pointer: 20, Protocol: 253, ID: 0x1234, Size: 50}},
		"too big": {r: sockio.Report{Origin: icmp, Type: 3, Code: 4, Errno: uint32(unix.EMSGSIZE), Info: 1 << 31, Payload: good4}, ok: true,
			want: transport.NetworkError{MTU: 1 << 16, Protocol: 253, ID: 0x1234, Size: 50}},
		"with extensions": {r: sockio.Report{Origin: icmp, Type: 11, Payload: append(bytes.Clone(good4), 0x20, 0, 0, 0), Extended: 50}, ok: true,
			want: transport.NetworkError{Protocol: 253, ID: 0x1234, Size: 50}},
		"a fragment": {r: sockio.Report{Origin: icmp6, Type: 3, Code: 1, Payload: fragment}, ok: true,
			want: transport.NetworkError{Protocol: 253, ID: 0xdeadbeef, Size: 78}},
	} {
		var e transport.NetworkError
		if ok := networkError(&c.r, &e); ok != c.ok {
			t.Errorf("%s: taken %v", name, ok)
		} else if ok && (e.MTU != c.want.MTU || e.Pointer != c.want.Pointer || e.Protocol != c.want.Protocol || e.ID != c.want.ID ||
			e.Size != c.want.Size || !bytes.Equal(e.Quoted, pattern(30))) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// FuzzQuote has quoted packets that nobody would send taken apart.
func FuzzQuote(f *testing.F) {
	f.Add(uint8(2), uint8(3), uint8(4), uint32(1400), 0, packet(header{src: addr("10.0.0.1"), dst: addr("10.0.0.2")}, pattern(8)))
	f.Add(uint8(3), uint8(2), uint8(0), uint32(0xffffffff), 48, packet(header{src: addr("fd00::1"), dst: addr("fd00::2"), protocol: 44}, pattern(8)))
	f.Fuzz(func(t *testing.T, origin, typ, code uint8, info uint32, extended int, quote []byte) {
		r := sockio.Report{Origin: origin, Type: typ, Code: code, Info: info, Errno: uint32(unix.EMSGSIZE), Payload: quote}
		if extended > 0 && extended <= len(quote) {
			r.Extended = extended
		}
		var e transport.NetworkError
		if !networkError(&r, &e) {
			return
		}
		if len(e.Quoted) > len(quote) || e.MTU < 0 || e.MTU > 1<<16 || !e.Src.IsValid() || !e.Dst.IsValid() || e.Src == (netip.Addr{}) {
			t.Errorf("%+v", e)
		}
		if e.Origin == transport.OriginICMP && len(quote) >= 20 && e.ID != uint32(binary.BigEndian.Uint16(quote[4:])) {
			t.Errorf("identification %#x", e.ID)
		}
	})
}
