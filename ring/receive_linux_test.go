// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// both runs a test with a ring of each version.
func both(t *testing.T, cfg RxConfig, f func(t *testing.T, cfg *RxConfig)) {
	for _, v2 := range []bool{false, true} {
		name := "V3"
		if v2 {
			name = "V2"
		}
		t.Run(name, func(t *testing.T) {
			c := cfg
			c.V2 = v2
			f(t, &c)
		})
	}
}

// filtered attaches a filter that keeps n bytes of each frame.
func filtered(t *testing.T, n uint32) func(fd int) {
	return func(fd int) {
		code, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: n}})
		if err != nil {
			t.Fatal(err)
		}
		i := unix.SockFilter{Code: code[0].Op, K: code[0].K}
		if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &i}); err != nil {
			t.Fatal(err)
		}
	}
}

// Traffic flows while a socket is opened that takes nothing.
func TestNothingComesInBeforeTheFilter(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		var stop atomic.Bool
		var sent atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for !stop.Load() {
				if p.trySend(p.frame(int(sent.Load()), 46)) == nil {
					sent.Add(1)
				}
			}
		}()
		for range 10 {
			r := p.open(cfg, filtered(t, 0))
			for now := sent.Load(); sent.Load() < now+100; {
				time.Sleep(time.Millisecond)
			}
			n := 0
			read(t, r, 5*time.Millisecond, func(*Frame) bool { n++; return true })
			if s := stats(t, r); n != 0 || s.Packets != 0 {
				t.Errorf("%d frames came, %d were counted", n, s.Packets)
			}
		}
		stop.Store(true)
		<-done
	})
}

// Ten laps of a small ring: each number comes once, and in order.
func TestLapsLoseAndRepeatNothing(t *testing.T) {
	both(t, RxConfig{BlockSize: 4096, Blocks: 4, Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.open(cfg)
		const n = 2000
		var all []int
		for i := 0; i < n; i += 4 { // few enough to fit at any time
			p.numbered(i, 4, 200)
			all = append(all, numbers(t, r, 4)...)
		}
		want := make([]int, n)
		for i := range want {
			want[i] = i
		}
		if !slices.Equal(all, want) {
			t.Errorf("got %d numbers of %d", len(all), n)
		}
		s := stats(t, r)
		if s.Packets != n || s.Drops != 0 || s.Skipped != 0 || s.Corrupt != 0 {
			t.Errorf("%+v", s)
		}
		if !cfg.V2 && s.Blocks < 40 {
			t.Errorf("%d blocks are no ten laps", s.Blocks)
		}
	})
}

// A reader that stops in the middle keeps what it is reading, and no more: it
// finds the memory as it was, and no payload twice.
func TestAHeldFrameIsNotOverwrittenNorReadAgain(t *testing.T) {
	both(t, RxConfig{BlockSize: 4096, Blocks: 4, FrameSize: 2048, Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.open(cfg)
		p.numbered(0, 1, 1000)
		if err := r.Wait(time.Now().Add(soon)); err != nil {
			t.Fatal(err)
		}
		if err := r.Enter(); err != nil {
			t.Fatal(err)
		}
		var f Frame
		if !r.Next(&f) {
			t.Fatal("no frame")
		}
		held := f.Network()
		p.numbered(1, 60, 1000) // three laps and more
		if n, ok := check(held); n != 0 || !ok {
			t.Errorf("the held frame has become %d", n)
		}
		r.Leave()
		seen := map[int]bool{0: true}
		read(t, r, 50*time.Millisecond, func(f *Frame) bool {
			n, ok := check(f.Network())
			if !ok || seen[n] {
				t.Errorf("frame %d: whole %v, seen before %v", n, ok, seen[n])
			}
			seen[n] = true
			return true
		})
		s := stats(t, r)
		if s.Packets != 61 || s.Drops != 61-uint64(len(seen)) || s.Delivered() != uint64(len(seen)) {
			t.Errorf("%d seen, %+v", len(seen), s)
		}
		if !cfg.V2 && s.Freezes == 0 {
			t.Error("the ring has not been full")
		}
	})
}

// The kernel counts in 32 bits and forgets when it was asked. Delivered is what
// was put into the ring.
func TestStatisticsAddUp(t *testing.T) {
	both(t, RxConfig{BlockSize: 4096, Blocks: 4, FrameSize: 2048, Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.open(cfg)
		var read1 int
		for lap := range 3 {
			p.numbered(0, 50, 1000) // into room for 8 or 12
			read(t, r, 50*time.Millisecond, func(*Frame) bool { read1++; return true })
			for range 2 { // asking again changes nothing
				s := stats(t, r)
				if s.Packets != 50*uint64(lap+1) || s.Drops == 0 || s.Delivered() != uint64(read1) {
					t.Errorf("lap %d: %d read, %+v", lap, read1, s)
				}
			}
		}
	})
}

// What the filter cuts off, and what has no room, shows.
func TestTruncationShows(t *testing.T) {
	both(t, RxConfig{BlockSize: 8192, Blocks: 4}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 9000)
		r := p.open(cfg, filtered(t, 60))
		p.numbered(1, 1, 1000)
		first(t, r, func(f *Frame) {
			if len(f.Data) != 60 || f.Len() != 1014 || !f.Truncated() {
				t.Errorf("cut by the filter: %d bytes of %d, truncated %v", len(f.Data), f.Len(), f.Truncated())
			}
		})
		r = p.open(cfg)
		p.numbered(2, 1, 9000)
		first(t, r, func(f *Frame) {
			if len(f.Data) >= 8192 || len(f.Data) < 1000 || f.Len() != 9014 || !f.Truncated() {
				t.Errorf("too long for the ring: %d bytes of %d, truncated %v", len(f.Data), f.Len(), f.Truncated())
			}
			if n, ok := check(f.Network()); n != 2 || !ok {
				t.Errorf("frame %d, whole %v", n, ok)
			}
		})
		p.numbered(3, 1, 100)
		first(t, r, func(f *Frame) {
			if n, ok := check(f.Network()); n != 3 || !ok || f.Truncated() || f.Len() != 114 {
				t.Errorf("the next: %d, %v, %d bytes of %d", n, ok, len(f.Data), f.Len())
			}
		})
	})
}

// A frame that does not fit into an empty block has the kernel hand that over
// empty.
func TestEmptyBlocksOfTheKernelArePassedOver(t *testing.T) {
	p := newPair(t, 9000)
	r := p.open(&RxConfig{BlockSize: 4096, Blocks: 4, Retire: time.Millisecond})
	for i := range 12 {
		p.numbered(i, 1, 3990)
		if got := cutNumbers(t, r); !slices.Equal(got, []int{i}) {
			t.Fatalf("after %d: got %v", i, got)
		}
	}
	s := stats(t, r)
	if s.Corrupt != 0 || s.Skipped != 0 || s.Drops != 0 {
		t.Errorf("%+v", s)
	}
	if s.Blocks <= 12 {
		t.Errorf("%d blocks for 12 frames: none was empty", s.Blocks)
	}
}

// cutNumbers reads one frame that may be cut.
func cutNumbers(t *testing.T, r *Rx) (all []int) {
	first(t, r, func(f *Frame) {
		n, ok := check(f.Network())
		if !ok {
			t.Errorf("frame %d has other bytes", n)
		}
		all = append(all, n)
	})
	return all
}

// V2 is there at once. A V3 block that is not full is handed over when its time
// is up, and says so.
func TestALoneFrameComes(t *testing.T) {
	both(t, RxConfig{Retire: 5 * time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.open(cfg)
		for i := range 20 {
			p.numbered(i, 1, 46)
			if got := numbers(t, r, 1); !slices.Equal(got, []int{i}) {
				t.Fatalf("got %v, want %d", got, i)
			}
		}
		if s := stats(t, r); !cfg.V2 && (s.TimedOut == 0 || s.TimedOut > s.Blocks) {
			t.Errorf("%+v", s)
		}
	})
}
