// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"protean/proto/checksum"
	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

const second = int64(1e9)

var (
	flow4 = script.Flow{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("198.51.100.7"),
		ID: 0x4711, Protocol: 253, TTL: 61, TOS: 0x28}
	flow6 = script.Flow{Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8:7::9"),
		ID: 0x47110815, Protocol: 253, TTL: 61, TOS: 0x28}
)

func flow(family int) script.Flow {
	if family == 4 {
		return flow4
	}
	return flow6
}

// A rig is a Reassembler that is checked at every step.
type rig struct {
	tb  testing.TB
	r   *frag.Reassembler
	now int64
	b   []byte
}

func newRig(tb testing.TB, c *frag.Config) *rig {
	return &rig{tb: tb, r: frag.NewReassembler(c)}
}

// feed feeds one packet and returns a copy of the datagram if it is complete.
func (g *rig) feed(b []byte, m frag.Meta) (frag.Verdict, []byte, frag.Datagram) {
	var d frag.Datagram
	v := g.r.Feed(g.now, b, m, &d)
	if v != frag.Complete {
		if d.Packet != nil {
			g.tb.Fatalf("verdict %v with a datagram", v)
		}
		return v, nil, d
	}
	checkHeader(g.tb, d.Packet)
	return v, bytes.Clone(d.Packet), d
}

// checkHeader checks what holds for the header of every datagram.
func checkHeader(tb testing.TB, p []byte) {
	tb.Helper()
	switch p[0] >> 4 {
	case 4:
		if n := int(p[2])<<8 | int(p[3]); n != len(p) {
			tb.Fatalf("total length %d, packet has %d", n, len(p))
		}
		if p[6]&0x3f != 0 || p[7] != 0 {
			tb.Fatalf("still a fragment: flags and offset %x", p[6:8])
		}
		if !checksum.Verify(p[:int(p[0]&15)*4]) {
			tb.Fatal("bad header checksum")
		}
	case 6:
		if n := int(p[4])<<8 | int(p[5]); n+40 != len(p) {
			tb.Fatalf("payload length %d, packet has %d", n, len(p))
		}
	default:
		tb.Fatalf("version %d", p[0]>>4)
	}
}

// play feeds a script and returns the payloads of the datagrams that became
// complete.
func (g *rig) play(f script.Flow, s script.Script) [][]byte {
	var out [][]byte
	for _, p := range s {
		if pay := g.piece(&f, p); pay != nil {
			out = append(out, pay)
		}
	}
	return out
}

func (g *rig) piece(f *script.Flow, p script.Piece) []byte {
	g.b = f.Append(g.b[:0], p)
	v, packet, _ := g.feed(g.b, frag.Meta{})
	switch {
	case v == frag.Whole && p.Whole():
		return p.Data() // nothing to be done, so nothing was held of it either
	case (v == frag.Whole) != p.Whole():
		g.tb.Fatalf("piece %v: %v", p, v)
	case packet == nil:
		return nil
	}
	return script.Payload(packet, 0)
}

// pass lets time pass, so that what never becomes complete does not use up the
// memory, or the identifications.
func (g *rig) pass() {
	g.now += second / 10
	g.r.Expire(g.now)
}

// show writes payloads in units.
func show(out [][]byte) string {
	if len(out) == 0 {
		return "none"
	}
	s := ""
	for i, p := range out {
		if i > 0 {
			s += " "
		}
		s += fmt.Sprintf("%s/%d", script.Units(p), len(p))
	}
	return s
}

// checkBooks checks that every fragment is accounted for, and that memory
// returns to zero.
func (g *rig) checkBooks() {
	g.tb.Helper()
	s := g.r.Stats()
	sum := s.Delivered + uint64(s.Held)
	for _, n := range s.Dropped {
		sum += n
	}
	if sum != s.Fragments {
		g.tb.Fatalf("%d fragments fed, %d accounted for: %+v", s.Fragments, sum, s)
	}
	if err := g.r.Check(); err != nil {
		g.tb.Fatal(err)
	}
	g.r.Flush()
	s = g.r.Stats()
	if s.Bytes != 0 || s.Held != 0 || s.Pending != 0 {
		g.tb.Fatalf("after Flush: %+v", s)
	}
	if err := g.r.Check(); err != nil {
		g.tb.Fatal(err)
	}
}
