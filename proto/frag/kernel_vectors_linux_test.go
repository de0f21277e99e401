// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

// TestTheKernelAgreesOnVectors: of the fixed scripts, the kernel makes what a
// Reassembler under the Linux policy does, which is in the tables.
func TestTheKernelAgreesOnVectors(t *testing.T) {
	for _, family := range []int{4, 6} {
		t.Run(fmt.Sprintf("IPv%d", family), func(t *testing.T) {
			k := newKernel(t, family, 65535)
			id := uint32(0)
			check := func(name string, s script.Script) {
				t.Helper()
				id++
				g := newRig(t, &frag.Config{Policy: frag.Linux})
				if _, difference := k.agree(g, k.sender(id, 0).packets(s)); difference != "" {
					t.Errorf("%s: %s", name, difference)
				}
				g.checkBooks()
			}
			for _, v := range overlapVectors {
				check(v.name, script.MustParse(v.script))
			}
			for _, v := range plainVectors {
				check(v.name, script.MustParse(v.script))
			}
			check("eights-8189", pieces(8*8189, 8))
			for total := 65510; total <= 65536; total++ {
				check(fmt.Sprintf("%d bytes", total), pieces(total, 1440))
			}
			k.checkEmpty()
		})
	}
}

// TestTheKernelAgreesOnTheDistance compares MaxDistance with ipfrag_max_dist,
// while fragments of many datagrams from one source come mixed. Linux forgets
// what it held, but not how large the largest fragment of that was, nor of those
// with DF (ip_frag_reinit in net/ipv4/ip_fragment.c); a Reassembler does, and so
// these are not compared.
func TestTheKernelAgreesOnTheDistance(t *testing.T) {
	const distance = 12
	k := newKernel(t, 4, 65535)
	k.staleSizes = true
	if err := k.b.Sysctl("net.ipv4.ipfrag_max_dist", fmt.Sprint(distance)); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(newSeed(t), 0))
	gen := script.Generator{Rand: r, MaxLen: 200}
	g := newRig(t, &frag.Config{Policy: frag.Linux, MaxDistance: distance})
	complete := 0
	for i := range *scripts / 10 {
		var queues [][][]byte
		for j := range 2 + r.IntN(8) {
			s := gen.Script()
			for len(s) > 100 { // a queue that takes all others too far
				s = gen.Script()
			}
			from := k.sender(uint32(i*16+j), r.Uint64())
			from.sameDF = true
			queues = append(queues, from.packets(s))
		}
		n, difference := k.agree(g, merge(r, queues))
		if difference != "" {
			t.Fatal(difference)
		}
		complete += n
	}
	s := g.r.Stats()
	t.Logf("%d datagrams, %d fragments of others given up", complete, s.Dropped[frag.TooFar])
	if *scripts >= 1000 && (complete == 0 || s.Dropped[frag.TooFar] == 0) {
		t.Error("the scripts do not try both")
	}
	k.checkEmpty()
	g.checkBooks()
}

// TestConnectionTrackingIsNoticed: the reason to skip tests is found out.
func TestConnectionTrackingIsNoticed(t *testing.T) {
	k := newKernel(t, 4, 1500)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft, which switches connection tracking on, is not installed")
	}
	for _, rule := range []string{
		"add table ip t",
		"add chain ip t in { type filter hook input priority 0; }",
		"add rule ip t in ct state new counter",
	} {
		if out, err := k.b.Run(context.Background(), "nft", rule); err != nil {
			t.Fatalf("nft %s: %v: %s", rule, err, out)
		}
	}
	k.sync()
	if !k.tracksConnections() {
		t.Error("not noticed")
	}
}
