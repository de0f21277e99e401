// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"

	"protean/proto/frag"
	"protean/proto/wire"
)

// packet4 returns an IPv4 packet with n bytes of payload.
func packet4(tb testing.TB, n int, change func(*wire.IPv4Fields)) []byte {
	f := wire.IPv4Fields{TOS: 0x28, ID: 0x1234, TTL: 64, Protocol: 253,
		Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("198.51.100.7"), PayloadLen: n}
	if change != nil {
		change(&f)
	}
	return fill(tb, f.Len(), n, f.Marshal)
}

// packet6 returns an IPv6 packet with n bytes of payload behind its extension
// headers.
func packet6(tb testing.TB, n int, change func(*wire.IPv6Fields)) []byte {
	f := wire.IPv6Fields{TrafficClass: 0x28, FlowLabel: 0x54321, HopLimit: 64, Protocol: 253,
		Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8:7::9"), PayloadLen: n}
	if change != nil {
		change(&f)
	}
	return fill(tb, f.Len(), n, f.Marshal)
}

func fill(tb testing.TB, hdr, n int, marshal func([]byte) error) []byte {
	tb.Helper()
	b := make([]byte, hdr+n)
	if err := marshal(b); err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		b[hdr+i] = byte(i ^ i>>8)
	}
	return b
}

type splitter interface {
	Split([]byte, int, uint32, frag.SplitConfig) error
	Next() bool
	Num() int
	Len() int
	Header() []byte
	Payload() []byte
	Copy([]byte) (int, error)
}

// cutUp splits a packet and checks what holds for every fragment.
func cutUp(tb testing.TB, s splitter, packet []byte, mtu int, id uint32, c frag.SplitConfig) ([][]byte, error) {
	tb.Helper()
	before := bytes.Clone(packet)
	if err := s.Split(packet, mtu, id, c); err != nil {
		if s.Next() {
			tb.Fatal("a fragment after an error")
		}
		return nil, err
	}
	var out [][]byte
	for s.Next() {
		b := make([]byte, s.Len())
		if n, err := s.Copy(b); err != nil || n != len(b) {
			tb.Fatalf("Copy: %d, %v", n, err)
		}
		if n, err := s.Copy(b[1:]); err != wire.ErrShortBuffer || n != 0 {
			tb.Fatalf("Copy to a short buffer: %d, %v", n, err)
		}
		if !bytes.Equal(b, slices.Concat(s.Header(), s.Payload())) {
			tb.Fatal("Copy is not header and payload")
		}
		out = append(out, b)
	}
	if s.Next() {
		tb.Fatal("Next after the last fragment")
	}
	if len(out) != s.Num() {
		tb.Fatalf("%d fragments, Num is %d", len(out), s.Num())
	}
	if !bytes.Equal(packet, before) {
		tb.Fatal("the packet was changed")
	}
	return out, nil
}

// checkPieces checks sizes, offsets and checksums of clean fragments.
func checkPieces(tb testing.TB, packets [][]byte, mtu int) {
	tb.Helper()
	for i, b := range packets {
		if len(b) > mtu {
			tb.Fatalf("fragment %d has %d bytes, MTU %d", i, len(b), mtu)
		}
		if b[0]>>4 == 4 {
			ip, bad := wire.ParseIPv4(b)
			if bad != wire.NotMalformed || len(ip) != len(b) {
				tb.Fatalf("fragment %d: %v, % x", i, bad, b[:20])
			}
			if ip.MoreFragments() && len(ip.Payload())%8 != 0 || len(ip.Payload()) == 0 {
				tb.Fatalf("fragment %d has %d bytes of data", i, len(ip.Payload()))
			}
			continue
		}
		ip, bad := wire.ParseIPv6(b)
		if bad != wire.NotMalformed || len(ip) != len(b) {
			tb.Fatalf("fragment %d: %v", i, bad)
		}
		var c wire.Chain
		if bad := wire.WalkIPv6(b, &c); bad != wire.NotMalformed || c.Fragment == 0 && len(packets) > 1 {
			tb.Fatalf("fragment %d: %v, %+v", i, bad, c)
		}
		if c.More && (len(b)-c.HeaderLen)%8 != 0 {
			tb.Fatalf("fragment %d has %d bytes of data", i, len(b)-c.HeaderLen)
		}
	}
}

// back reassembles fragments, in any order.
func back(tb testing.TB, packets [][]byte) []byte {
	tb.Helper()
	g := newRig(tb, &frag.Config{MaxFragments: 8192})
	for i, b := range packets {
		v, out, _ := g.feed(b, frag.Meta{})
		if (v == frag.Complete) != (i == len(packets)-1) {
			tb.Fatalf("fragment %d of %d: %v", i, len(packets), v)
		}
		if out != nil {
			return out
		}
	}
	return nil
}
