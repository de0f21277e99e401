// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"protean/proto/checksum"
	"protean/proto/frag"
	"protean/proto/wire"
)

// TestSizesOfFragments: as Linux cuts (MTU 1500, then a route MTU of 600), and
// the bounds between one number of fragments and the next.
func TestSizesOfFragments(t *testing.T) {
	for _, c := range []struct {
		family, payload, mtu int
		c                    frag.SplitConfig
		want                 []int // bytes of data
	}{
		{4, 3000, 1500, frag.SplitConfig{}, []int{1480, 1480, 40}},
		{4, 1000, 600, frag.SplitConfig{}, []int{576, 424}},
		{6, 3000, 1500, frag.SplitConfig{}, []int{1448, 1448, 104}},
		{4, 1480, 1500, frag.SplitConfig{}, []int{1480}},
		{4, 1481, 1500, frag.SplitConfig{}, []int{1480, 1}},
		{4, 2960, 1500, frag.SplitConfig{}, []int{1480, 1480}},
		{4, 2961, 1500, frag.SplitConfig{}, []int{1480, 1480, 1}},
		{4, 2949, 1497, frag.SplitConfig{}, []int{1472, 1477}},
		{4, 2950, 1497, frag.SplitConfig{}, []int{1472, 1472, 6}},
		{4, 2949, 1497, frag.SplitConfig{Balanced: true}, []int{1472, 1477}},
		{4, 3000, 1500, frag.SplitConfig{Balanced: true}, []int{1000, 1000, 1000}},
		{4, 100, 68, frag.SplitConfig{}, []int{48, 48, 4}},
		{4, 20, 28, frag.SplitConfig{AnyMTU: true}, []int{8, 8, 4}},
		{6, 1240, 1280, frag.SplitConfig{}, []int{1240}},
		{6, 1241, 1280, frag.SplitConfig{}, []int{1232, 9}},
		{6, 100, 68, frag.SplitConfig{AnyMTU: true}, []int{16, 16, 16, 16, 16, 20}},
	} {
		t.Run(fmt.Sprintf("IPv%d/%d bytes, MTU %d, %+v", c.family, c.payload, c.mtu, c.c), func(t *testing.T) {
			p, hdr := packet4(t, c.payload, nil), 20
			if c.family == 6 {
				p, hdr = packet6(t, c.payload, nil), 48
			}
			out, err := cutUp(t, new(frag.Splitter), p, c.mtu, 1, c.c)
			if err != nil {
				t.Fatal(err)
			}
			if len(out) == 1 && c.family == 6 {
				hdr = 40
			}
			var got []int
			for _, b := range out {
				got = append(got, len(b)-hdr)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestBalancedKeepsTheChainTogether: the first fragment is longer than its share
// if the header chain is.
func TestBalancedKeepsTheChainTogether(t *testing.T) {
	p := packet6(t, 300, func(f *wire.IPv6Fields) {
		f.Ext = []wire.Ext{{Type: wire.ExtDestination, Data: make([]byte, 1022)}}
	})
	out, err := cutUp(t, new(frag.Splitter), p, 1280, 1, frag.SplitConfig{Balanced: true})
	if err != nil || len(out) != 2 || len(out[0]) != 48+1032 {
		t.Fatalf("%d fragments, the first of %d bytes; %v", len(out), len(out[0]), err)
	}
	if got := back(t, out); !bytes.Equal(got, p) {
		t.Error("came back different")
	}
}

// TestBalancedNeedsNoMoreFragments than there would be without, even if
// the first has less room than the others.
func TestBalancedNeedsNoMoreFragments(t *testing.T) {
	var s frag.Splitter
	for n := 70; n < 1000; n++ {
		p := packet4(t, n, func(f *wire.IPv4Fields) { f.Options = options["record route"] })
		for _, compact := range []bool{false, true} {
			c := frag.SplitConfig{CompactOptions: compact}
			want, err := cutUp(t, &s, p, 100, 1, c)
			if err != nil {
				t.Fatal(err)
			}
			c.Balanced = true
			got, err := cutUp(t, &s, p, 100, 1, c)
			if err != nil || len(got) != len(want) {
				t.Fatalf("%d bytes, compact %v: %d fragments, not %d; %v", n, compact, len(got), len(want), err)
			}
			checkPieces(t, got, 100)
			if out := back(t, got); !bytes.Equal(out[60:], p[60:]) {
				t.Fatalf("%d bytes, compact %v: came back different", n, compact)
			}
		}
	}
}

func TestOptionsOfLaterFragments(t *testing.T) {
	mixed := []byte{148, 4, 0, 0, 68, 12, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8}
	for _, c := range []struct {
		name    string
		options []byte
		compact bool
		want    []byte
	}{
		{"copied flag", mixed, false, []byte{148, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"compact", mixed, true, []byte{148, 4, 0, 0}},
		{"compact, not copied", options["timestamp"], true, nil},
		{"compact with padding", []byte{130, 3, 7, 1}, true, []byte{130, 3, 7, 0}},
		{"end of list", []byte{7, 3, 4, 0, 9, 9, 9, 9}, false, []byte{1, 1, 1, 0, 0, 0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := packet4(t, 3000, func(f *wire.IPv4Fields) { f.Options = c.options })
			out, err := cutUp(t, new(frag.Splitter), p, 1500, 1, frag.SplitConfig{CompactOptions: c.compact})
			if err != nil {
				t.Fatal(err)
			}
			if got := wire.IPv4(out[0]).Options(); !bytes.Equal(got, c.options) {
				t.Errorf("first: % x", got)
			}
			for _, b := range out[1:] {
				if got := wire.IPv4(b).Options(); !bytes.Equal(got, c.want) {
					t.Errorf("later: % x, want % x", got, c.want)
				}
			}
		})
	}
}

// TestWhatIPv6FragmentsRepeat: hop-by-hop options, the routing header and what
// is in front of it, nothing else (RFC 8200 section 4.5).
func TestWhatIPv6FragmentsRepeat(t *testing.T) {
	for name, want := range map[string]int{"none": 40, "hop-by-hop": 48, "routing": 64, "all in front": 80,
		"destination": 40, "hbh, destination": 48, "all": 56, "atomic": 40, "hop-by-hop, atomic": 48} {
		p := packet6(t, 3000, func(f *wire.IPv6Fields) { f.Ext = chains[name] })
		out, err := cutUp(t, new(frag.Splitter), p, 1280, 0x01020304, frag.SplitConfig{})
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range out {
			var c wire.Chain
			wire.WalkIPv6(b, &c)
			h := wire.IPv6Fragment(b[c.Fragment:])
			if c.Fragment != want || h[1] != 0 || h[3]&6 != 0 || h.ID() != 0x01020304 {
				t.Errorf("%s, fragment %d: header at %d, want %d; % x", name, i, c.Fragment, want, h[:8])
			}
		}
	}
}

func TestSplitErrors(t *testing.T) {
	df := func(f *wire.IPv4Fields) { f.DontFragment = true }
	noID := func(f *wire.IPv4Fields) { f.ID = 0 }
	first := func(n int) func(*wire.IPv6Fields) {
		return func(f *wire.IPv6Fields) {
			f.Ext = []wire.Ext{{Type: wire.ExtDestination, Data: make([]byte, n-2)}, {Type: wire.ExtDestination, Data: make([]byte, n-2)}}
		}
	}
	short := packet4(t, 3000, nil)[:2000]
	for _, c := range []struct {
		name   string
		packet []byte
		mtu    int
		id     uint32
		c      frag.SplitConfig
		want   error
	}{
		{"nothing", nil, 1500, 1, frag.SplitConfig{}, wire.TooShort},
		{"version 5", append([]byte{0x50}, make([]byte, 60)...), 1500, 1, frag.SplitConfig{}, wire.BadVersion},
		{"header length", append([]byte{0x44}, make([]byte, 60)...), 1500, 1, frag.SplitConfig{}, wire.BadHeaderLen},
		{"total length", short, 1500, 1, frag.SplitConfig{}, wire.BadTotalLen},
		{"payload length", packet6(t, 3000, nil)[:2000], 1500, 1, frag.SplitConfig{}, wire.BadTotalLen},
		{"short IPv6", packet6(t, 0, nil)[:39], 1500, 1, frag.SplitConfig{}, wire.TooShort},
		{"too long, IPv4", append(packet4(t, 65515, nil), 0), 1500, 1, frag.SplitConfig{}, frag.ErrTooLong},
		{"too long, IPv6", append(packet6(t, 65535, nil), 0), 1500, 1, frag.SplitConfig{}, frag.ErrTooLong},
		{"MTU 67", packet4(t, 3000, nil), 67, 1, frag.SplitConfig{}, frag.ErrMTU},
		{"MTU 1279", packet6(t, 3000, nil), 1279, 1, frag.SplitConfig{}, frag.ErrMTU},
		{"MTU 27", packet4(t, 3000, nil), 27, 1, frag.SplitConfig{AnyMTU: true}, frag.ErrMTU},
		{"MTU 55, IPv6", packet6(t, 3000, nil), 55, 1, frag.SplitConfig{AnyMTU: true}, frag.ErrMTU},
		{"MTU below zero", packet6(t, 3000, nil), -1, 1, frag.SplitConfig{AnyMTU: true}, frag.ErrMTU},
		{"options leave no room", packet4(t, 3000, func(f *wire.IPv4Fields) { f.Options = bytes.Repeat([]byte{1}, 40) }), 67, 1, frag.SplitConfig{AnyMTU: true}, frag.ErrMTU},
		{"no identification, IPv4", packet4(t, 3000, noID), 1500, 0, frag.SplitConfig{}, frag.ErrNoID},
		{"identification 65536", packet4(t, 3000, nil), 1500, 65536, frag.SplitConfig{}, frag.ErrNoID},
		{"no identification, IPv6", packet6(t, 3000, nil), 1500, 0, frag.SplitConfig{}, frag.ErrNoID},
		{"bad option", packet4(t, 3000, func(f *wire.IPv4Fields) { f.Options = []byte{7, 1, 0, 0} }), 1500, 1, frag.SplitConfig{}, wire.BadOption},
		{"option past the end", packet4(t, 3000, func(f *wire.IPv4Fields) { f.Options = []byte{7, 5, 0, 0} }), 1500, 1, frag.SplitConfig{}, wire.BadOption},
		{"chain longer than the first fragment", packet6(t, 3000, first(800)), 1280, 1, frag.SplitConfig{}, frag.ErrChain},
		{"chain that fills the first fragment", packet6(t, 3000, first(616)), 1280, 1, frag.SplitConfig{}, frag.ErrChain},
		{"upper-layer header cut", packet6(t, 3000, func(f *wire.IPv6Fields) { first(608)(f); f.Protocol = wire.ProtoTCP }), 1280, 1, frag.SplitConfig{}, frag.ErrChain},
		{"unaligned fragment", packet4(t, 3001, func(f *wire.IPv4Fields) { f.MoreFragments = true }), 1500, 1, frag.SplitConfig{}, frag.ErrUnaligned},
		{"fragment beyond the end", packet4(t, 3000, func(f *wire.IPv4Fields) { f.FragmentOffset = 65528 }), 1500, 1, frag.SplitConfig{}, frag.ErrTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := cutUp(t, new(frag.Splitter), c.packet, c.mtu, c.id, c.c)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	if _, err := cutUp(t, new(frag.Splitter), packet6(t, 3000, first(608)), 1280, 1, frag.SplitConfig{}); err != nil {
		t.Errorf("chain that just fits: %v", err)
	}

	_, err := cutUp(t, new(frag.Splitter), packet4(t, 3000, df), 1500, 1, frag.SplitConfig{})
	var big *frag.TooBigError
	if !errors.As(err, &big) || big.Size != 3020 || big.MTU != 1500 || !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("DF: %v", err)
	}
	if out, err := cutUp(t, new(frag.Splitter), packet4(t, 1480, df), 1500, 1, frag.SplitConfig{}); err != nil || len(out) != 1 {
		t.Errorf("DF, but it fits: %v", err)
	}
	out, err := cutUp(t, new(frag.Splitter), packet4(t, 3000, df), 1500, 1, frag.SplitConfig{IgnoreDF: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range out {
		if wire.IPv4(b).DontFragment() {
			t.Error("DF on a fragment")
		}
	}
}

func TestErrorsHaveTexts(t *testing.T) {
	seen := make(map[string]bool)
	for _, err := range []error{frag.ErrMTU, frag.ErrTooLong, frag.ErrNoID, frag.ErrChain, frag.ErrUnaligned,
		frag.SplitError(99), &frag.TooBigError{Size: 3020, MTU: 1500}} {
		if s := err.Error(); !strings.HasPrefix(s, "frag: ") || seen[s] {
			t.Errorf("%q", s)
		} else {
			seen[s] = true
		}
	}
}

// TestIdentificationOfFragments: the one asked for, or else the packet's own.
func TestIdentificationOfFragments(t *testing.T) {
	for _, id := range []uint32{0, 0x4321} {
		out, err := cutUp(t, new(frag.Splitter), packet4(t, 3000, nil), 1500, id, frag.SplitConfig{})
		if err != nil {
			t.Fatal(err)
		}
		want := uint16(id)
		if id == 0 {
			want = 0x1234 // the packet's own
		}
		for _, b := range out {
			if wire.IPv4(b).ID() != want {
				t.Errorf("identification %#x, want %#x", wire.IPv4(b).ID(), want)
			}
		}
	}
}

// TestChecksumNeedNotBeFilledIn: neither in the packet, nor right.
func TestChecksumNeedNotBeFilledIn(t *testing.T) {
	p := packet4(t, 3000, nil)
	p[10], p[11] = 0xde, 0xad
	out, err := cutUp(t, new(frag.Splitter), p, 1500, 1, frag.SplitConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range out {
		if !checksum.Verify(b[:20]) {
			t.Errorf("% x", b[:20])
		}
	}
}
