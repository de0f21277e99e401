// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/proto/prototest"
	"protean/transport/sim"
)

func TestMain(m *testing.M) { prototest.Main(m) }

// families runs a test for both.
func families(t *testing.T, f func(t *testing.T, v6 bool)) {
	t.Run("IPv4", func(t *testing.T) { f(t, false) })
	t.Run("IPv6", func(t *testing.T) { f(t, true) })
}

func addr(p *prototest.Peer, v6 bool) netip.Addr {
	if v6 {
		return p.Addr6
	}
	return p.Addr4
}

// A run is a Pinger on host A and what it printed.
type run struct {
	*Pinger
	out, err strings.Builder
	text     Text
	binding  *proto.Binding
	events   []Event
}

// ping starts a Pinger on host A for host B, unless cfg says otherwise.
func ping(t testing.TB, n *prototest.Net, v6 bool, cfg Config) *run {
	t.Helper()
	r := &run{}
	if !cfg.Dst.IsValid() {
		cfg.Dst = addr(n.B, v6)
	}
	r.text = Text{Out: &r.out, Err: &r.err, Program: "icmpecho", Host: cfg.Dst.String(), Addr: cfg.Dst, Size: cfg.Size}
	cfg.Report = func(e *Event) {
		r.events = append(r.events, *e)
		r.text.Event(e)
	}
	r.Pinger = &Pinger{Config: cfg}
	r.text.Head()
	r.binding = n.A.RegisterWith(t, r.Pinger, &proto.Options{Protocols: []uint8{r.Protocol()}, Shared: true})
	return r
}

// finish lets the network run until the Pinger has ended.
func (r *run) finish(t testing.TB, n *prototest.Net) Stats {
	t.Helper()
	n.RunUntil(t, 100*time.Hour, r.Over)
	s := r.Stats()
	r.text.Summary(&s)
	return s
}

// respond starts a Responder on host B.
func respond(t testing.TB, n *prototest.Net, cfg ResponderConfig) *Responder {
	t.Helper()
	r := &Responder{Config: cfg}
	n.B.RegisterWith(t, r, &proto.Options{Protocols: []uint8{1, 58}, Shared: true})
	return r
}

// link is a network whose link delays both ways and has faults on the way
// from A to B only.
func link(delay time.Duration, change func(*sim.LinkConfig)) *prototest.Config {
	c := &prototest.Config{Seed: 8}
	c.Link.Delay = delay
	c.Link.Back = &sim.LinkConfig{Delay: delay}
	if change != nil {
		change(&c.Link)
	}
	return c
}

// message builds an ICMP message with its checksum.
func message(typ, code uint8, rest uint32, body []byte, src, dst netip.Addr) []byte {
	b := make([]byte, 8+len(body))
	b[0], b[1] = typ, code
	binary.BigEndian.PutUint32(b[4:], rest)
	copy(b[8:], body)
	sum := checksum.Sum(b)
	if dst.Is6() {
		sum = checksum.Combine(sum, checksum.PseudoHeader(src, dst, 58, len(b)))
	}
	binary.BigEndian.PutUint16(b[2:], ^sum)
	return b
}

// want compares output with what is expected, both without space around.
func want(t *testing.T, got, want string) {
	t.Helper()
	if got, want := strings.TrimSpace(got), strings.TrimSpace(strings.ReplaceAll(want, "\t", "")); got != want {
		t.Errorf("printed:\n%s\nwant:\n%s", got, want)
	}
}
