// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// roomy is a ring whose frames have room for more than can be sent.
func roomy() *TxConfig {
	return &TxConfig{Frames: 32, FrameSize: os.Getpagesize(), Room: 65_600}
}

// Packets arrive in the order in which they were requested, with frames given back
// unused, requested in another order, and held.
func TestGapsStrandNothing(t *testing.T) {
	p := newPair(t, 1500)
	r := p.volume()
	tx := p.transmit(roomy())
	defer enter(t, tx)()
	n := 0
	for round := range 200 {
		var f [7]int
		for i := range f {
			if f[i] = tx.Reserve(); f[i] < 0 {
				t.Fatal("no frame")
			}
		}
		if round%2 == 0 {
			tx.Release(f[0])
		} else {
			if err := tx.Request(f[1], 100); !errors.Is(err, ErrOrder) {
				t.Fatalf("out of order: %v", err)
			}
			p.fill(tx, f[0], n, 100)
			n++
		}
		tx.Release(f[3])
		// In odd rounds, the third packet moves to where f[3] was; in even ones, all
		// move, since f[0] was given back.
		for _, i := range []int{f[1], f[2], f[5], f[4]} {
			p.fill(tx, i, n, 64+n%1000)
			n++
		}
		tx.Release(f[6])
		if err := tx.Kick(); err != nil {
			t.Fatal("Kick:", err)
		}
		if left := tx.Drain(time.Now().Add(soon)); left != 0 {
			t.Fatalf("%d left", left)
		}
	}
	if tx.Copied() == 0 || tx.Lent() != 0 {
		t.Errorf("%d were copied, %d are lent", tx.Copied(), tx.Lent())
	}
	wantNumbers(t, numbers(t, r, n), n)
}

// A frame has room for more than the kernel takes, and none of it is another's.
func TestFramesHaveRoom(t *testing.T) {
	p := newPair(t, 1500)
	r := p.volume()
	tx := p.transmit(roomy())
	defer enter(t, tx)()
	for lap := range 3 {
		var frames []int
		for i := tx.Reserve(); i >= 0; i = tx.Reserve() {
			frames = append(frames, i)
			b := tx.Data(i)
			if len(b) != os.Getpagesize()-32 || cap(b) < 65_600 {
				t.Fatalf("room for %d bytes, and %d to be sent", cap(b), len(b))
			}
			b = b[:cap(b)]
			for k := range b {
				b[k] = byte(i)
			}
		}
		if len(frames) != 32 {
			t.Fatalf("%d frames", len(frames))
		}
		for _, i := range frames {
			b := tx.Data(i)
			b = b[:cap(b)]
			for k := range b {
				if b[k] != byte(i) {
					t.Fatalf("byte %d of frame %d is another's", k, i)
				}
			}
			p.fill(tx, i, lap*32+i, 1000)
		}
		if left := tx.Drain(time.Now().Add(soon)); left != 0 {
			t.Fatalf("%d left", left)
		}
	}
	if tx.Copied() != 0 {
		t.Errorf("%d were copied", tx.Copied())
	}
	wantNumbers(t, numbers(t, r, 96), 96)
}

// Who holds a frame may write to it during Close and afterwards, whatever becomes
// of the ring.
func TestLentMemoryStaysWhenTheRingIsClosed(t *testing.T) {
	for name, cfg := range map[string]*TxConfig{"frames alone": {Frames: 32}, "frames with room": roomy()} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t, 1500)
			tx := p.transmit(cfg)
			leave := enter(t, tx)
			tx.Release(tx.Reserve())
			held := tx.Data(tx.Reserve())
			held = held[:cap(held)]
			leave()
			var stop atomic.Bool
			wrote := make(chan int)
			go func() {
				n := 0
				for ; !stop.Load(); n++ {
					for k := range held {
						held[k] = byte(n)
					}
				}
				wrote <- n
			}()
			time.Sleep(5 * time.Millisecond)
			if err := tx.Close(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond)
			stop.Store(true)
			if n := <-wrote; n == 0 {
				t.Error("nothing was written")
			}
			for k := range held {
				held[k] = 0x5a
			}
			for k := range held {
				if held[k] != 0x5a {
					t.Fatalf("byte %d does not keep what is written to it", k)
				}
			}
		})
	}
}
