// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/ip4defrag"
	"github.com/google/gopacket/layers"
)

// BenchmarkBesideGopacket feeds the same fragments to a Reassembler and to
// ip4defrag of google/gopacket v1.1.19. That keeps what it is given, so each
// fragment is a decoded layer of its own; decoding is done beforehand and not
// measured. One op is one fragment.
func BenchmarkBesideGopacket(b *testing.B) {
	for _, c := range []struct {
		name         string
		pieces, size int
	}{{"2x1480", 2, 1480}, {"45x1448", 45, 1448}} {
		p := load(4, c.pieces, c.size)
		b.Run("frag/"+c.name, func(b *testing.B) { benchFeed(b, nil, p) })
		b.Run("gopacket/"+c.name, func(b *testing.B) {
			var decoded []layers.IPv4
			for _, q := range p {
				var ip layers.IPv4
				if err := ip.DecodeFromBytes(q, gopacket.NilDecodeFeedback); err != nil {
					b.Fatal(err)
				}
				decoded = append(decoded, ip)
			}
			d := ip4defrag.NewIPv4Defragmenter()
			done := 0
			b.SetBytes(int64(len(p[0])))
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				k := i % len(p)
				ip := decoded[k]
				ip.Id = uint16(i / len(p))
				out, err := d.DefragIPv4(&ip)
				if err != nil {
					b.Fatal(err)
				}
				if out != nil {
					done++
				}
			}
			if done != b.N/len(p) {
				b.Fatalf("%d datagrams from %d fragments", done, b.N)
			}
		})
	}
}
