// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"protean/proto"
)

// A Match says what a packet is expected to be.
type Match struct {
	want string // in words: "payload \"Pong\""
	ok   func(r *Recorder, p *proto.Packet) bool
}

// Payload expects this payload.
func Payload(s string) Match {
	return Match{fmt.Sprintf("payload %q", s), func(_ *Recorder, p *proto.Packet) bool { return string(p.Payload()) == s }}
}

// From expects this source address.
func From(a netip.Addr) Match {
	return Match{"source " + a.String(), func(_ *Recorder, p *proto.Packet) bool { return p.Src() == a }}
}

// To expects this destination address.
func To(a netip.Addr) Match {
	return Match{"destination " + a.String(), func(_ *Recorder, p *proto.Packet) bool { return p.Dst() == a }}
}

// TTL expects this TTL or hop limit.
func TTL(n uint8) Match {
	return Match{fmt.Sprint("TTL ", n), func(_ *Recorder, p *proto.Packet) bool { return p.TTL() == n }}
}

// At expects the packet to arrive exactly so long after the network was made.
func At(d time.Duration) Match {
	return Match{fmt.Sprint("arrival at ", d), func(r *Recorder, p *proto.Packet) bool { return r.age(p.Time()) == d }}
}

// That expects something else, which want says in words.
func That(want string, ok func(p *proto.Packet) bool) Match {
	return Match{want, func(_ *Recorder, p *proto.Packet) bool { return ok(p) }}
}

// Next lets time pass until a packet comes that was not looked at before, and
// returns it. The test fails, and ends, if none comes within limit, or if it is
// not as expected.
func (r *Recorder) Next(tb testing.TB, limit time.Duration, expect ...Match) *proto.Packet {
	tb.Helper()
	p, err := r.next(limit)
	if err != nil {
		tb.Fatalf("%s: no packet within %v, want one with %s%s", r.name, limit, words(expect), unless(err))
	}
	for _, m := range expect {
		if !m.ok(r, p) {
			tb.Fatalf("%s: got %s, want %s", r.name, r.describe(p), words(expect))
		}
	}
	return p
}

// InOrder is Next for one packet after the other, each with one of these
// payloads, within limit altogether.
func (r *Recorder) InOrder(tb testing.TB, limit time.Duration, payloads ...string) {
	tb.Helper()
	end := r.now().Add(limit)
	for i, s := range payloads {
		p, err := r.next(end.Sub(r.now()))
		if err != nil {
			tb.Fatalf("%s: %d packets within %v, want %q next%s", r.name, i, limit, s, unless(err))
		}
		if string(p.Payload()) != s {
			tb.Fatalf("%s: packet %d is %s, want payload %q", r.name, i, r.describe(p), s)
		}
	}
}

// Nothing lets time pass, and fails the test if a packet comes, or has come and
// was not looked at, or if time cannot pass.
func (r *Recorder) Nothing(tb testing.TB, during time.Duration) {
	tb.Helper()
	p, err := r.next(during)
	if err == nil {
		tb.Fatalf("%s: got %s, want nothing for %v", r.name, r.describe(p), during)
	}
	if why := unless(err); why != "" {
		tb.Fatalf("%s: want nothing for %v%s", r.name, during, why)
	}
}

// unless says what ended a wait, unless all of its time has passed.
func unless(err error) string {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ""
	}
	return ": " + err.Error()
}

// next returns the next packet that was not looked at, when it is there.
func (r *Recorder) next(limit time.Duration) (*proto.Packet, error) {
	if err := r.until(limit, func() bool { return r.at(r.looked) != nil }); err != nil {
		return nil, err
	}
	r.looked++
	return r.at(r.looked - 1), nil
}

// at returns packet i, counted from 0; nil if it has not come.
func (r *Recorder) at(i int) *proto.Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i >= len(r.packets) {
		return nil
	}
	return r.packets[i]
}

// until lets time pass until cond is true, which a packet may make it, but at
// most for limit.
func (r *Recorder) until(limit time.Duration, cond func() bool) error {
	if r.net != nil && r.net.driver == stepped {
		return r.net.Sim.RunUntil(cond, max(0, limit))
	}
	r.mu.Lock()
	if r.came == nil {
		r.came = make(chan struct{}, 1)
	}
	c := r.came
	r.mu.Unlock()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for !cond() {
		select {
		case <-c:
		case <-timer.C:
			if !cond() {
				return os.ErrDeadlineExceeded
			}
		}
	}
	return nil
}

func (r *Recorder) now() time.Time {
	if r.net == nil {
		return time.Now()
	}
	return r.net.Sim.Now()
}

// age is the time since the network was made; 0 if the Recorder has none.
func (r *Recorder) age(t time.Time) time.Duration {
	if r.net == nil {
		return 0
	}
	return t.Sub(r.net.start)
}

func (r *Recorder) describe(p *proto.Packet) string {
	return fmt.Sprintf("%q from %v to %v, TTL %d, at %v", p.Payload(), p.Src(), p.Dst(), p.TTL(), r.age(p.Time()))
}

func words(expect []Match) (s string) {
	if len(expect) == 0 {
		return "anything"
	}
	for i, m := range expect {
		if i > 0 {
			s += ", "
		}
		s += m.want
	}
	return s
}
