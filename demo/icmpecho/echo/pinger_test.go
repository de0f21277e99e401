// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/proto/prototest"
	"protean/transport"
	"protean/transport/sim"
)

func TestSizesFromNothingToAFullPacket(t *testing.T) {
	families(t, func(t *testing.T, v6 bool) {
		for _, size := range []int{0, 1, 8, 15, 16, 17, 56, 1400, 1452} {
			n := prototest.Pair(t, link(time.Millisecond, nil))
			respond(t, n, ResponderConfig{})
			r := ping(t, n, v6, Config{Count: 2, Size: size})
			s := r.finish(t, n)
			if s.Received != 2 || s.Corrupted+s.Duplicates+s.Errors != 0 || r.events[0].Bytes != size+8 || r.events[0].RTT != 2*time.Millisecond {
				t.Errorf("%d bytes: %+v, first answer %+v", size, s, r.events[0])
			}
		}
	})
}

func TestTheSequenceNumberWraps(t *testing.T) {
	families(t, func(t *testing.T, v6 bool) {
		count := uint64(140_000) // twice; what counts is the same for both families, and once will do
		if v6 {
			count = 70_000
		}
		n := prototest.Pair(t, link(3500*time.Microsecond, nil))
		respond(t, n, ResponderConfig{})
		next, wrong := uint64(1), 0
		p := &Pinger{Config: Config{Dst: addr(n.B, v6), Count: count, Interval: time.Millisecond, Size: 16, Report: func(e *Event) {
			if e.Seq != next || e.RTT != 7*time.Millisecond || e.Duplicate || e.Late || e.Corrupted() {
				wrong++
			}
			next++
		}}}
		n.A.Register(t, p.Protocol(), p)
		n.RunUntil(t, time.Hour, p.Over)
		if s := p.Stats(); s.Transmitted != count || s.Received != count || s.Pipe != 7 || wrong != 0 {
			t.Errorf("%d wrong events, %+v", wrong, s)
		}
	})
}

func TestAnAnswerOlderThanAllSequenceNumbersIsLate(t *testing.T) {
	const count, after = 80_000, 70_000
	n := prototest.Pair(t, link(0, nil))
	respond(t, n, ResponderConfig{Delay: after * time.Millisecond, MaxHeld: count})
	known := 0
	p := &Pinger{Config: Config{Dst: n.B.Addr4, Count: count, Interval: time.Millisecond, Size: 16, Report: func(e *Event) {
		if e.RTT >= 0 {
			known++
		}
	}}}
	n.A.Register(t, 1, p)
	n.RunUntil(t, time.Hour, p.Over)
	// The last request goes out after 80 s and waits for 10 s: by then the
	// first 20,000 are answered. An answer comes 70,000 requests later, when its
	// request is forgotten; only after the last request went out the gap shrinks
	// to what is remembered, so that the duration is known of some of them.
	s := p.Stats()
	if s.Received != 0 || s.Duplicates != 0 || s.Late < 19_990 || s.Late > 20_010 {
		t.Errorf("%+v", s)
	}
	if known == 0 || known > 10_000 {
		t.Errorf("%d answers were to requests remembered", known)
	}
}

func TestASilentTargetCostsNoMemory(t *testing.T) {
	n := prototest.Pair(t, link(0, func(l *sim.LinkConfig) { l.Loss = 1 }))
	p := &Pinger{Config: Config{Dst: n.B.Addr4, Interval: 100 * time.Microsecond, Size: 56}}
	n.A.Register(t, 1, p)
	n.Run(t, 10*time.Second) // 100,000 requests
	window := len(p.window.sent)
	if allocs := testing.AllocsPerRun(1000, func() { n.Run(t, time.Millisecond) }); allocs != 0 {
		t.Errorf("%v allocations per 10 requests", allocs)
	}
	if len(p.window.sent) != window || window != windowLen || p.window.open != windowLen {
		t.Errorf("remembers %d requests, %d of them open", len(p.window.sent), p.window.open)
	}
}

func TestAskingAndAnsweringAllocateNothing(t *testing.T) {
	families(t, func(t *testing.T, v6 bool) {
		for _, delay := range []time.Duration{0, 500 * time.Microsecond} {
			n := prototest.Pair(t, link(0, nil))
			respond(t, n, ResponderConfig{Delay: delay, Duplicate: 0.1, Loss: 0.1})
			text := Text{Out: discard{}, Err: discard{}, Addr: addr(n.B, v6), Size: 56, Stamps: true}
			p := &Pinger{Config: Config{Dst: addr(n.B, v6), Interval: time.Millisecond, Size: 56, Waiting: true, Report: text.Event}}
			n.A.Register(t, p.Protocol(), p)
			n.Run(t, 3*time.Second)
			if allocs := testing.AllocsPerRun(1000, func() { n.Run(t, time.Millisecond) }); allocs != 0 {
				t.Errorf("answers delayed by %v: %v allocations per request", delay, allocs)
			}
			if s := p.Stats(); s.Received < 3000 || s.Duplicates == 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// tamper answers echo requests on host B with what change makes of the answer;
// the checksum is made right before, and again after if sum.
func tamper(t *testing.T, n *prototest.Net, v6, sum bool, change func(m []byte) []byte) {
	n.B.Register(t, map[bool]uint8{false: 1, true: 58}[v6], proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		d := dialectOf(p.Src())
		m := make([]byte, len(p.Payload()), len(p.Payload())+8)
		turn(m, p.Payload(), d)
		m = change(m)
		if sum && len(m) >= 4 {
			m[2], m[3] = 0, 0
			s := checksum.Sum(m)
			if v6 {
				s = checksum.Combine(s, checksum.PseudoHeader(p.Dst(), p.Src(), 58, len(m)))
			}
			binary.BigEndian.PutUint16(m[2:], ^s)
		}
		return env.Send(proto.Header{Src: p.Dst(), Dst: p.Src(), Protocol: d.protocol}, m)
	}))
}

func TestAnswersThatAreNotWhatWasSent(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int
		sum    bool
		change func(m []byte) []byte
		line   string // the end of the first answer's line
		passed bool   // not taken for an answer at all
	}{
		{"a bit flipped on the way", 56, false, func(m []byte) []byte { m[20] ^= 1; return m }, "time=2.00 ms (BAD CHECKSUM!)", false},
		{"a byte of the pattern changed", 56, true, func(m []byte) []byte { m[8+20] = 0xff; return m }, "time=2.00 ms\nwrong data byte #20 should be 0x14 but was 0xff", false},
		{"the number changed", 16, true, func(m []byte) []byte { m[8+15] = 9; return m }, "time=2.00 ms\nwrong data byte #15 should be 0x1 but was 0x9", false},
		{"the only byte changed", 1, true, func(m []byte) []byte { m[8] ^= 0x80; return m }, "", false},
		{"cut short", 56, true, func(m []byte) []byte { return m[:60] }, "ttl=64 (truncated)", false},
		{"too long", 56, true, func(m []byte) []byte { return append(m, 1, 2, 3) }, "time=2.00 ms (TOO LONG!)", false},
		{"another identifier", 56, true, func(m []byte) []byte { m[4] ^= 1; return m }, "", true},
		{"a number never sent", 56, true, func(m []byte) []byte { m[6] = 7; return m }, "", true},
		{"seven bytes", 56, true, func(m []byte) []byte { return m[:7] }, "", true},
		{"no bytes", 56, true, func(m []byte) []byte { return m[:0] }, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			families(t, func(t *testing.T, v6 bool) {
				n := prototest.Pair(t, link(time.Millisecond, nil))
				tamper(t, n, v6, c.sum, c.change)
				r := ping(t, n, v6, Config{Count: 1, Size: c.size, Timeout: time.Second})
				s := r.finish(t, n)
				if s.Received != 0 || s.Loss() != 100 || (s.Corrupted == 0) != c.passed {
					t.Errorf("%+v", s)
				}
				_, lines, _ := strings.Cut(r.out.String(), "\n")
				line, _, _ := strings.Cut(lines, "\n\n---")
				if !strings.HasSuffix(line, c.line) || (len(r.events) == 0) != c.passed {
					t.Errorf("printed %q, want the end %q", line, c.line)
				}
				b := r.binding.Stats()
				if bad := b.Dropped[transport.BadChecksum]; (bad == 1) != (c.name == "a bit flipped on the way") || (b.Passed > 0) != c.passed {
					t.Errorf("binding: %+v", b)
				}
			})
		})
	}
}

func TestAnotherHostsAnswerIsSaidToBe(t *testing.T) {
	n := prototest.Pair(t, link(time.Millisecond, nil))
	second := netip.MustParseAddr("10.0.0.9")
	n.B.Register(t, 1, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		m := make([]byte, len(p.Payload()))
		turn(m, p.Payload(), &icmp4)
		return env.Send(proto.Header{Src: second, Dst: p.Src()}, m)
	}))
	r := ping(t, n, false, Config{Count: 1, Size: 16})
	if s := r.finish(t, n); s.Received != 1 || !strings.Contains(r.out.String(), "24 bytes from 10.0.0.9: icmp_seq=1 ttl=64 time=2.00 ms (DIFFERENT ADDRESS!)\n") {
		t.Errorf("%+v, printed %s", s, r.out.String())
	}
	// Without room for a cookie, anybody's answer would do.
	r = ping(t, n, false, Config{Count: 1, Size: 4, Timeout: time.Second})
	if s := r.finish(t, n); s.Received != 0 {
		t.Errorf("%+v", s)
	}
}

func TestPingersShareAHost(t *testing.T) {
	n := prototest.Pair(t, link(time.Millisecond, nil))
	respond(t, n, ResponderConfig{})
	var all []*run
	for i := range 3 {
		all = append(all, ping(t, n, i == 1, Config{Count: 100, Size: 8, Interval: time.Millisecond, ID: uint16(100 + i)}))
	}
	for _, r := range all {
		if s := r.finish(t, n); s.Received != 100 || s.Duplicates+s.Corrupted != 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestTheScheduleWaitsForNoAnswer(t *testing.T) {
	n := prototest.Pair(t, link(10*time.Second, nil))
	var at []time.Duration
	start := n.Sim.Now()
	n.Sim.Tap(func(tr sim.Trace) {
		if tr.Fate == sim.Sent && !tr.Back {
			at = append(at, tr.Time.Sub(start))
		}
	})
	respond(t, n, ResponderConfig{})
	r := ping(t, n, false, Config{Count: 4, Size: 56, Interval: 250 * time.Millisecond, Offset: time.Second, Timeout: time.Minute})
	r.finish(t, n)
	for i, d := range at {
		if d != time.Second+time.Duration(i)*250*time.Millisecond {
			t.Errorf("sent at %v", at)
			break
		}
	}
	if len(at) != 4 {
		t.Errorf("sent at %v", at)
	}
}

func TestWhatIsInFlightAtTheEndIsNotLost(t *testing.T) {
	n := prototest.Pair(t, link(400*time.Millisecond, nil))
	respond(t, n, ResponderConfig{})
	r := ping(t, n, false, Config{Size: 56, Interval: 100 * time.Millisecond})
	n.Run(t, 2050*time.Millisecond)
	done := 0
	r.Config.Done = func() { done++ }
	for range 2 {
		if err := r.binding.Do(r.Interrupt); err != nil {
			t.Fatal(err)
		}
	}
	s := r.finish(t, n)
	if s.Transmitted != 21 || s.Received != 13 || s.InFlight != 8 || s.Loss() != 0 || done != 1 {
		t.Errorf("%+v, ended %d times", s, done)
	}
	n.Run(t, time.Second) // answers that still come are nobody's
	if after := r.Stats(); after != s {
		t.Errorf("%+v after the end", after)
	}
}

func TestRefusesWhatCannotBeAsked(t *testing.T) {
	n := prototest.Pair(t, nil)
	for name, c := range map[string]Config{
		"no destination":             {},
		"the unspecified address":    {Dst: netip.IPv4Unspecified()},
		"a mapped address":           {Dst: netip.MustParseAddr("::ffff:10.0.0.2")},
		"a source of another kind":   {Dst: n.B.Addr4, Src: n.A.Addr6},
		"too much data":              {Dst: n.B.Addr4, Size: MaxSize + 1},
		"less than no data":          {Dst: n.B.Addr4, Size: -1},
		"an interval that goes back": {Dst: n.B.Addr4, Interval: -1},
	} {
		p := &Pinger{Config: c}
		_, err := n.A.HandleWith(p, &proto.Options{Protocols: []uint8{1}, Shared: true})
		var ce *ConfigError
		if !errors.As(err, &ce) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
