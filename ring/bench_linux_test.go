// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

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
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return t.Nano()
}

// BenchmarkWalk reads V3 blocks in memory, looks at each frame's IPv4 header and
// hands its payload to a handler. ns/op is for a frame.
func BenchmarkWalk(b *testing.B) {
	for _, n := range []int{60, 1500} {
		for _, blocks := range []int{1, 16, 256} {
			b.Run(fmt.Sprintf("len=%d/blocks=%d", n, blocks), func(b *testing.B) {
				k, c := newFakeV3(1<<20, blocks)
				// Shared, since that has pages of the size that rings have.
				mem, err := unix.Mmap(-1, 0, len(k.mem), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
				if err != nil {
					b.Fatal(err)
				}
				defer unix.Munmap(mem)
				k.mem = mem
				c.init(mem, false, k.size, k.blocks, k.size)
				k.full(n)
				var got count
				var h handler = &got
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				b.ReportAllocs()
				b.ResetTimer()
				start := threadTime(b)
				for got.packets < b.N {
					for i := range blocks {
						release(k.mem, i*k.size+blockStatus, StatusUser)
					}
					for {
						head, p, _ := c.next()
						if head == nil {
							break
						}
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

// BenchmarkFullRing reads what the kernel has put into a ring while nobody read:
// the walk of memory that another CPU may have written, without waiting. What had
// no room is lost.
func BenchmarkFullRing(b *testing.B) {
	for _, n := range []int{60, 1500} {
		b.Run(fmt.Sprintf("len=%d", n), func(b *testing.B) {
			p := newPair(b, 1500)
			r := p.open(&RxConfig{BlockSize: 1 << 20, Blocks: 16, Retire: 10 * time.Millisecond})
			fill := r.Config().Blocks * r.Config().BlockSize / (n + 200)
			frame := p.frame(1, n-14)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var spent int64
			frames := 0
			for frames < b.N {
				for range fill {
					if err := p.trySend(frame); err != nil {
						b.Fatal(err)
					}
				}
				time.Sleep(20 * time.Millisecond) // the last block's time
				if err := r.Enter(); err != nil {
					b.Fatal(err)
				}
				start := threadTime(b)
				for {
					h, p, _ := r.NextPacket()
					if h == nil {
						break
					}
					seen = p[0]
					frames++
				}
				spent += threadTime(b) - start
				r.Leave()
			}
			b.ReportMetric(float64(spent)/float64(frames), "cpu-ns/frame")
		})
	}
}

// BenchmarkTransmit sends frames in batches of 64 that nobody receives, with all
// that the kernel does to send them.
func BenchmarkTransmit(b *testing.B) {
	for _, n := range []int{60, 1514} {
		b.Run(fmt.Sprintf("len=%d", n), func(b *testing.B) {
			p := newPair(b, 1500)
			tx := p.transmit(nil)
			defer enter(b, tx)()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			b.ReportAllocs()
			b.ResetTimer()
			start := threadTime(b)
			for i := 0; i < b.N; {
				k := 0
				for k < 64 && i < b.N && p.put(tx, i, n-14) {
					i, k = i+1, k+1
				}
				if err := tx.Kick(); err != nil {
					b.Fatal(err)
				}
			}
			if left := tx.Drain(time.Now().Add(soon)); left != 0 {
				b.Fatalf("%d left", left)
			}
			b.ReportMetric(float64(threadTime(b)-start)/float64(b.N), "cpu-ns/frame")
		})
	}
}

// BenchmarkLoneFrame sends one frame at a time and waits until it is read: ns/op
// is how long it takes to come.
func BenchmarkLoneFrame(b *testing.B) {
	for _, c := range []struct {
		name string
		cfg  RxConfig
	}{
		{"V2", RxConfig{V2: true}},
		{"V3/retire=1ms", RxConfig{Retire: time.Millisecond}},
		{"V3/retire=8ms", RxConfig{Retire: 8 * time.Millisecond}},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := newPair(b, 1500)
			r := p.open(&c.cfg)
			frame := p.frame(1, 100)
			var f Frame
			var worst time.Duration
			b.ResetTimer()
			for range b.N {
				sent := time.Now()
				if err := p.trySend(frame); err != nil {
					b.Fatal(err)
				}
				for came := false; !came; {
					if err := r.Wait(sent.Add(soon)); err != nil {
						b.Fatal(err)
					}
					if err := r.Enter(); err != nil {
						b.Fatal(err)
					}
					came = r.Next(&f)
					r.Leave()
				}
				worst = max(worst, time.Since(sent))
			}
			b.ReportMetric(float64(worst), "worst-ns")
		})
	}
}
