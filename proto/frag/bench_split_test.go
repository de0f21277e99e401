// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"testing"

	"protean/proto/frag"
)

// BenchmarkSplit: one op is one fragment, of 65000 bytes cut for an MTU of 1500.
func BenchmarkSplit(b *testing.B) {
	for _, c := range []struct {
		name   string
		packet []byte
	}{{"v4", packet4(b, 65000, nil)}, {"v6", packet6(b, 65000, nil)}} {
		for _, copies := range []bool{false, true} {
			name := c.name + "/headers"
			if copies {
				name = c.name + "/copy"
			}
			b.Run(name, func(b *testing.B) {
				var s frag.Splitter
				dst := make([]byte, 1500)
				b.ReportAllocs()
				n := 0
				for n < b.N {
					if err := s.Split(c.packet, 1500, 1, frag.SplitConfig{}); err != nil {
						b.Fatal(err)
					}
					for s.Next() {
						if copies {
							if _, err := s.Copy(dst); err != nil {
								b.Fatal(err)
							}
						} else if len(s.Header()) < 20 || len(s.Payload()) == 0 {
							b.Fatal("no header")
						}
						n++
					}
				}
			})
		}
	}
}

func BenchmarkIDs(b *testing.B) {
	for _, c := range []struct {
		name   string
		packet []byte
	}{{"v4", packet4(b, 0, nil)}, {"v6", packet6(b, 0, nil)}} {
		b.Run(c.name, func(b *testing.B) {
			g := frag.NewIDs([16]byte{1})
			b.ReportAllocs()
			for b.Loop() {
				if g.Next(0, c.packet) == 0 {
					b.Fatal("0")
				}
			}
		})
	}
}
