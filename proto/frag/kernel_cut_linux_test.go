// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"protean/proto/frag"
	"protean/proto/wire"
)

// largestPayload is what the largest IPv4 packet can hold.
const largestPayload = wire.IPv4MaxLen - wire.IPv4HeaderLen

// roundTripSizes returns lengths of payloads: those about the bounds between
// one number of fragments and the next, and random ones.
func roundTripSizes(r *rand.Rand, random int) []int {
	sizes := []int{1, 7, 8, 9, 47, 48, 49, 1231, 1232, 1233, 1447, 1448, 1449, 1479, 1480, 1481,
		2895, 2896, 2897, 2959, 2960, 2961, 8191, 8192, 32767, 32768, 65472, largestPayload - 1, largestPayload}
	for range random {
		sizes = append(sizes, 1+r.IntN(largestPayload))
	}
	return sizes
}

// Extension headers that Linux accepts. The second destination options header
// has an option that it does not know and is to skip (RFC 8200 section 4.2).
var acceptedChains = map[string][]wire.Ext{
	"none":                        nil,
	"hop-by-hop":                  {hopByHop},
	"destination":                 {{Type: wire.ExtDestination, Data: []byte{1, 4, 0, 0, 0, 0}}},
	"hop-by-hop, destination":     {hopByHop, {Type: wire.ExtDestination, Data: append([]byte{0x1e, 12}, make([]byte, 12)...)}},
	"destination before routing":  {hopByHop, {Type: wire.ExtDestination, Data: []byte{1, 4, 0, 0, 0, 0}}, {Type: wire.ExtRouting, Data: make([]byte, 22)}},
	"routing, then a destination": {{Type: wire.ExtRouting, Data: make([]byte, 6)}, {Type: wire.ExtDestination, Data: []byte{1, 4, 0, 0, 0, 0}}},
}

// extLen returns the length of extension headers.
func extLen(chain []wire.Ext) (n int) {
	for _, e := range chain {
		n += 2 + len(e.Data)
	}
	return n
}

// A dressing is what a packet has besides the fixed header.
type dressing struct {
	name    string
	options []byte
	ext     []wire.Ext
}

func dressings(family int) []dressing {
	var out []dressing
	if family == 4 {
		for _, o := range keptOptions {
			out = append(out, dressing{name: fmt.Sprintf("options % x", o), options: o})
		}
		return out
	}
	for name, c := range acceptedChains {
		out = append(out, dressing{name: name, ext: c})
	}
	slices.SortFunc(out, func(a, b dressing) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return out
}

// TestTheKernelReassemblesWhatASplitterCuts: in order, reversed and shuffled,
// with small and large MTUs, balanced or not.
func TestTheKernelReassemblesWhatASplitterCuts(t *testing.T) {
	for _, family := range []int{4, 6} {
		t.Run(fmt.Sprintf("IPv%d", family), func(t *testing.T) {
			k := newKernel(t, family, 1500)
			r := rand.New(rand.NewPCG(newSeed(t), uint64(family)))
			var s frag.Splitter
			packets, fragments := 0, 0
			for _, d := range dressings(family) {
				for _, n := range roundTripSizes(r, 20) {
					hdr := 20 + len(d.options)
					least := frag.MinMTU4
					if family == 4 {
						n = min(n, wire.IPv4MaxLen-hdr)
					} else {
						least = frag.MinMTU6
						n = min(n, 0xffff-extLen(d.ext))
					}
					mtu := least + r.IntN(1500-least+1)
					if r.IntN(4) == 0 {
						mtu = 1500
					}
					if family == 4 {
						mtu = max(mtu, hdr+8)
					}
					p := k.packet(n, d.options, d.ext)
					c := frag.SplitConfig{Balanced: r.IntN(2) == 0, CompactOptions: r.IntN(2) == 0}
					pieces, err := cutUp(t, &s, p, mtu, 1+r.Uint32()&0xfffe, c)
					if err != nil {
						t.Fatalf("%s, %d bytes, MTU %d: %v", d.name, n, mtu, err)
					}
					if family == 4 && len(pieces) > 1 {
						p = bytes.Clone(p) // with the identification of its fragments
						copy(p[4:6], pieces[0][4:6])
						wire.IPv4(p).FillChecksum()
					}
					switch r.IntN(3) {
					case 1:
						slices.Reverse(pieces)
					case 2:
						r.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
					}
					packets++
					fragments += len(pieces)
					k.expect(fmt.Sprintf("%s, %d bytes, MTU %d, %+v", d.name, n, mtu, c), pieces, p)
				}
			}
			t.Logf("%d packets in %d fragments", packets, fragments)
			k.checkEmpty()
		})
	}
}

// expect sends the fragments and checks that the kernel makes the packet of
// them.
func (k *kernel) expect(what string, pieces [][]byte, packet []byte) {
	k.t.Helper()
	largest := 0
	for i, b := range pieces {
		k.send(b)
		largest = max(largest, len(b))
		if i%atOnce == atOnce-1 && i < len(pieces)-1 {
			if got := k.sync(); len(got) != 0 {
				k.t.Fatalf("%s: after %d of %d fragments the kernel delivers\n%s", what, i+1, len(pieces), describe(got))
			}
		}
	}
	want := datagram{received(packet), 0}
	if len(pieces) > 1 {
		want.fragSize = largest
	}
	if got := k.sync(); !same(got, []datagram{want}) {
		k.t.Fatalf("%s: the kernel delivers\n%swhere this is expected:\n%s%+v", what,
			describe(got), describeWanted([]datagram{want}), k.rx.Stats())
	}
}
