// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

// load is a number of fragments of one datagram, to be sent again and again
// under new identifications.
func load(family, pieces, size int) [][]byte {
	f := flow(family)
	var out [][]byte
	for i := range pieces {
		out = append(out, f.Append(nil, script.Piece{Off: i * size, Len: size, More: i < pieces-1, Fill: byte(i)}))
	}
	return out
}

func setID(b []byte, id uint32) {
	if b[0]>>4 == 4 {
		binary.BigEndian.PutUint16(b[4:], uint16(id))
	} else {
		binary.BigEndian.PutUint32(b[44:], id)
	}
}

var orders = []struct {
	name string
	do   func([][]byte)
}{
	{"inorder", func([][]byte) {}},
	{"reversed", slices.Reverse[[][]byte]},
	{"shuffled", func(b [][]byte) {
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
	}},
}

// BenchmarkFeed: one op is one fragment of the given length.
func BenchmarkFeed(b *testing.B) {
	for _, c := range []struct {
		name                 string
		family, pieces, size int
	}{{"v4/2x1480", 4, 2, 1480}, {"v4/45x1448", 4, 45, 1448}, {"v4/7x1480", 4, 7, 1480}, {"v6/2x1448", 6, 2, 1448}} {
		for _, o := range orders {
			b.Run(c.name+"/"+o.name, func(b *testing.B) {
				p := load(c.family, c.pieces, c.size)
				o.do(p)
				benchFeed(b, &frag.Config{}, p)
			})
		}
	}
	b.Run("linux/2x1480/inorder", func(b *testing.B) {
		benchFeed(b, &frag.Config{Policy: frag.Linux}, load(4, 2, 1480))
	})
	b.Run("last/2x1480/inorder", func(b *testing.B) {
		benchFeed(b, &frag.Config{Policy: frag.Last}, load(4, 2, 1480))
	})
}

func benchFeed(b *testing.B, c *frag.Config, p [][]byte) {
	r := frag.NewReassembler(c)
	var d frag.Datagram
	id := uint32(0)
	done := 0
	feed := func(n int) {
		for i, k := 0, 0; i < n; i++ {
			if k == 0 {
				id++
			}
			setID(p[k], id)
			if r.Feed(int64(i), p[k], frag.Meta{}, &d) == frag.Complete {
				done++
			}
			if k++; k == len(p) { // a division takes as long as much of the rest
				k = 0
			}
		}
	}
	feed(len(p) * 10)
	b.SetBytes(int64(len(p[0])))
	b.ReportAllocs()
	done = 0
	b.ResetTimer()
	feed(b.N)
	if done != b.N/len(p) {
		b.Fatalf("%d datagrams from %d fragments", done, b.N)
	}
}

// BenchmarkCopy is what reassembly cannot do without, as a measure of it: the
// payload of one fragment is copied to its place in a datagram of 45.
func BenchmarkCopy(b *testing.B) {
	for _, size := range []int{1480, 1448} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := load(4, 45, size)
			whole := make([]byte, 45*size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				k := i % 45
				copy(whole[k*size:], p[k][20:])
			}
		})
	}
}

// BenchmarkInterleaved: the fragments of many datagrams take turns. One op is
// one fragment.
func BenchmarkInterleaved(b *testing.B) {
	for _, c := range []struct {
		name    string
		n, size int
	}{{"1480", 1000, 1480}, {"64", 1000, 64}, {"4096x1480", 4096, 1480}} {
		b.Run(c.name, func(b *testing.B) {
			p := load(4, 2, c.size)
			// With room for all that are in flight; otherwise they displace one another.
			r := frag.NewReassembler(&frag.Config{MaxBytes: 64 << 20})
			var d frag.Datagram
			done := 0
			feed := func(n int) {
				for i := range n {
					k := i / c.n % 2
					setID(p[k], uint32(i%c.n+i/(2*c.n)*c.n))
					if r.Feed(int64(i), p[k], frag.Meta{}, &d) == frag.Complete {
						done++
					}
				}
			}
			feed(4 * c.n)
			done = 0
			b.ReportAllocs()
			b.ResetTimer()
			feed(b.N)
			if whole := b.N / (2 * c.n) * c.n; done < whole {
				b.Fatalf("%d datagrams from %d fragments", done, b.N)
			}
		})
	}
}

// BenchmarkFlood: lone fragments from forged sources, each of which displaces
// another datagram. One op is one fragment.
func BenchmarkFlood(b *testing.B) {
	p := load(4, 2, 64)[0]
	r := frag.NewReassembler(nil)
	var d frag.Datagram
	x := uint64(1)
	feed := func(n int) {
		for i := range n {
			x = x*6364136223846793005 + 1442695040888963407
			binary.BigEndian.PutUint32(p[12:], uint32(x>>32))
			r.Feed(int64(i), p, frag.Meta{}, &d)
		}
	}
	feed(100000)
	b.ReportAllocs()
	b.ResetTimer()
	feed(b.N)
	if s := r.Stats(); s.Dropped[frag.NoMemory] == 0 {
		b.Fatal("nothing was displaced")
	}
}
