// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
	"protean/proto/wire"
	"protean/transport"
)

// A sender makes packets of the pieces of a script. What they have in their
// headers follows from the seed and the piece, so that a smaller script has
// the same packets.
type sender struct {
	script.Flow
	seed   uint64
	sameDF bool // in all fragments of a script
}

// Options that Linux hands on as they are.
var keptOptions = [][]byte{nil, {1, 1, 1, 0}, {148, 4, 0, 0}, {136, 4, 7, 7, 148, 4, 0, 0},
	{7, 7, 8, 1, 2, 3, 4, 1}, {130, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0}, append([]byte{30, 40}, make([]byte, 38)...)}

var ecnMixtures = [][]uint8{{2, 3}, {1, 2}, {1, 2, 3}, {1, 3}, {0, 1, 2, 3}}

func (s *sender) packet(p script.Piece) []byte {
	f := s.Flow
	all := rand.New(rand.NewPCG(s.seed, 0))
	what := uint64(p.Off)<<40 | uint64(p.Len)<<16 | uint64(p.Fill)
	if p.More {
		what |= 1 << 8
	}
	own := rand.New(rand.NewPCG(s.seed, what))
	f.TTL, f.TOS, f.DF = uint8(1+all.IntN(255)), uint8(all.Uint32()), all.IntN(2) == 0
	label := all.Uint32() & 0xfffff
	if all.IntN(2) == 0 {
		f.TTL, f.TOS = uint8(1+own.IntN(255)), uint8(own.Uint32())&^3|f.TOS&3
		label = own.Uint32() & 0xfffff
	}
	if all.IntN(3) == 0 {
		mixture := ecnMixtures[all.IntN(len(ecnMixtures))]
		f.TOS = f.TOS&^3 | mixture[own.IntN(len(mixture))]
	}
	if all.IntN(2) == 0 && !s.sameDF {
		f.DF = own.IntN(2) == 0
	}
	if all.IntN(3) == 0 {
		if f.Src.Is4() {
			f.Options = keptOptions[own.IntN(len(keptOptions))]
		} else if own.IntN(2) == 0 {
			f.Ext = []wire.Ext{hopByHop}
		}
	}
	if f.Src.Is6() && p.Off > 0 {
		f.Protocol = []uint8{253, 254, wire.ProtoTCP}[own.IntN(3)] // that of the first counts
	}
	b := f.Append(nil, p)
	if f.Src.Is6() {
		b[1] |= byte(label >> 16)
		b[2], b[3] = byte(label>>8), byte(label)
	}
	return b
}

// packets returns those of a script, and behind them one that makes the kernel
// and the Linux policy drop what they hold of it: a fragment without data.
func (s *sender) packets(pieces script.Script) [][]byte {
	var out [][]byte
	for _, p := range pieces {
		out = append(out, s.packet(p))
	}
	f := s.Flow
	f.TTL = 64
	return append(out, f.AppendData(nil, 8, nil, true))
}

// atOnce is how many fragments are sent before the kernel must show that it is
// done with them: its queue between the ends of a wire holds 1000
// (netdev_max_backlog).
const atOnce = 256

// A datagram is what is expected of the kernel.
type datagram struct {
	packet   []byte
	fragSize int
}

// agree feeds packets to the kernel and to a Reassembler. It returns how many
// datagrams became complete, and a description of the first difference.
func (k *kernel) agree(g *rig, packets [][]byte) (complete int, difference string) {
	k.t.Helper()
	waiting := 0
	for i, b := range packets {
		k.send(b)
		waiting++
		var want []datagram
		switch v, p, d := g.feed(b, frag.Meta{}); v {
		case frag.Whole:
			want = append(want, datagram{received(b), 0})
		case frag.Complete:
			complete++
			if k.staleSizes {
				d.FragSize = 0
			}
			want = append(want, datagram{received(p), d.FragSize})
		default:
			if waiting < atOnce && i < len(packets)-1 {
				continue
			}
		}
		waiting = 0
		if got := k.sync(); !same(got, want) {
			return complete, fmt.Sprintf("up to packet %d the kernel delivers\n%swhere this is expected:\n%s%+v",
				i, describe(got), describeWanted(want), k.rx.Stats())
		}
	}
	return complete, ""
}

func same(got []*transport.Packet, want []datagram) bool {
	if len(got) != len(want) {
		return false
	}
	for i, p := range got {
		w := want[i]
		if !bytes.Equal(p.Data, w.packet) || w.fragSize != 0 && w.fragSize != int(p.FragSize) {
			return false
		}
	}
	return true
}

func describe(packets []*transport.Packet) string {
	var all []datagram
	for _, p := range packets {
		all = append(all, datagram{p.Data, int(p.FragSize)})
	}
	return describeWanted(all)
}

func describeWanted(all []datagram) string {
	s := ""
	for _, d := range all {
		n := wire.IPv6HeaderLen
		if d.packet[0]>>4 == 4 {
			n = wire.IPv4(d.packet).HeaderLen()
		}
		s += fmt.Sprintf("\theader % x, %d bytes %q, largest fragment %d\n",
			d.packet[:n], len(d.packet)-n, script.Units(d.packet[n:]), d.fragSize)
	}
	if s == "" {
		s = "\tnothing\n"
	}
	return s
}

func (k *kernel) sender(id uint32, seed uint64) *sender {
	s := &sender{seed: seed}
	s.Flow = script.Flow{Src: k.a.Addr4(), Dst: k.b.Addr4(), ID: id & 0xffff, Protocol: 253}
	if k.family == 6 {
		s.Src, s.Dst, s.ID = k.a.Addr6(), k.b.Addr6(), id
	}
	return s
}

// TestTheKernelAgrees sends random scripts to the kernel, some of them several
// at a time, and compares what it delivers with what a Reassembler under the
// Linux policy does: headers, payloads, and the size of the largest fragment.
func TestTheKernelAgrees(t *testing.T) {
	for _, family := range []int{4, 6} {
		t.Run(fmt.Sprintf("IPv%d", family), func(t *testing.T) {
			k := newKernel(t, family, 65535)
			n := newSeed(t)
			r := rand.New(rand.NewPCG(n, uint64(family)))
			gen := script.Generator{Rand: r}
			g := newRig(t, &frag.Config{Policy: frag.Linux})
			id := r.Uint32()
			done, fragments, complete, empty := 0, 0, 0, 0
			start := time.Now()
			for done < *scripts {
				together := 1
				if r.IntN(8) == 0 {
					together = 2 + r.IntN(7)
				}
				var queues [][][]byte
				var s script.Script
				var from *sender
				for range together {
					id++
					s, from = gen.Script(), k.sender(id, r.Uint64())
					queues = append(queues, from.packets(s))
				}
				done += together
				packets := merge(r, queues)
				fragments += len(packets)
				got, difference := k.agree(g, packets)
				complete += got
				if got == 0 {
					empty++
				}
				if difference == "" {
					continue
				}
				if together > 1 {
					t.Fatalf("%d scripts at a time: %s", together, difference)
				}
				fails := func(s script.Script) bool {
					id++
					from.ID = k.sender(id, 0).ID
					_, d := k.agree(newRig(t, &frag.Config{Policy: frag.Linux}), from.packets(s))
					if d != "" {
						difference = d
					}
					return d != ""
				}
				t.Fatalf("script %v: %s", script.Shrink(s, fails), difference)
			}
			t.Logf("%d scripts, %d fragments, %d datagrams, %d times none, in %v",
				done, fragments, complete, empty, time.Since(start).Round(time.Millisecond))
			if *scripts >= 100 && (complete == 0 || empty == 0) {
				t.Error("the scripts do not try both")
			}
			if s := g.r.Stats(); s.Held != 0 {
				t.Errorf("%d fragments held at the end", s.Held)
			}
			k.checkEmpty()
			g.checkBooks()
		})
	}
}

// merge puts packets of all queues in one, keeping their order in each.
func merge(r *rand.Rand, queues [][][]byte) [][]byte {
	var out [][]byte
	for len(queues) > 0 {
		i := r.IntN(len(queues))
		out = append(out, queues[i][0])
		if queues[i] = queues[i][1:]; len(queues[i]) == 0 {
			queues = append(queues[:i], queues[i+1:]...)
		}
	}
	return out
}
