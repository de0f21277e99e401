// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// full fills all blocks with frames of n bytes, IPv4 of protocol 253.
func (k *fakeKernel) full(n int) (frames int) {
	payload := make([]byte, n-fakeLink)
	payload[0], payload[9] = 0x45, 253
	binary.BigEndian.PutUint16(payload[2:], uint16(len(payload)))
	var all []string
	for room := k.size - blockSize; room >= k.mac+n+alignment; room -= (k.mac + n + alignment - 1) &^ (alignment - 1) {
		all = append(all, string(payload))
	}
	for range k.blocks {
		k.block(StatusUser, all...)
	}
	return len(all) * k.blocks
}

var seen byte

type handler interface{ handle([]byte) }

type count struct{ packets, bytes int }

func (c *count) handle(b []byte) {
	c.packets++
	c.bytes += len(b)
	if len(b) > 0 {
		seen = b[0]
	}
}

// threadTime returns the CPU time of this thread, which counts on a machine that
// has other work, too.
func threadTime(b *testing.B) int64 {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

// BenchmarkWalk reads V3 blocks in memory, looks at each frame's IPv4 header and
// hands its payload to a handler. ns/op is for a frame.
func BenchmarkWalk(b *testing.B) {
	for _, n := range []int{60, 1500} {
		for _, blocks := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("len=%d/blocks=%d", n, blocks), func(b *testing.B) {
				k, c := newFakeV3(1<<20, blocks)
				k.full(n)
				var got count
				var h handler = &got
				var f Frame
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				b.ReportAllocs()
				b.ResetTimer()
				start := threadTime(b)
				for got.packets < b.N {
					for i := range blocks {
						release(k.mem, i*k.size+blockStatus, StatusUser)
					}
					for c.next(&f) {
						p := f.Network()
						if len(p) < 20 || p[0]>>4 != 4 {
							continue
						}
						hl, tl := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
						if hl < 20 || tl < hl || tl > len(p) || p[9] != 253 {
							continue
						}
						h.handle(p[hl:tl])
					}
				}
				b.ReportMetric(float64(threadTime(b)-start)/float64(got.packets), "cpu-ns/frame")
			})
		}
	}
}
