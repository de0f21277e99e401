// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"flag"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var cycles = flag.Int("cycles", 40, "how often TestOpenReadCloseUnderTraffic opens a ring")

// Rings are opened, read and closed while frames come in and are read: nothing
// faults, every reader ends, and nothing is left.
func TestOpenReadCloseUnderTraffic(t *testing.T) {
	p := newPair(t, 1500)
	before := packetSockets(t, p.b)
	var stop atomic.Bool
	var traffic sync.WaitGroup
	traffic.Go(func() {
		for i := 0; !stop.Load(); i++ {
			if err := p.trySend(p.frame(i, 100)); err != nil {
				t.Error("sendto:", err)
				return
			}
		}
	})
	var frames atomic.Int64
	for i := range *cycles {
		fd := p.socket2(t)
		r, err := NewRx(fd, &RxConfig{V2: i%2 == 0, BlockSize: 1 << 16, Blocks: 4, Retire: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		p.bind(fd, experimental)
		var reader sync.WaitGroup
		reader.Go(func() {
			var f Frame
			for {
				err := r.Wait(time.Time{})
				if err == nil {
					err = r.Enter()
				}
				if err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Error("reading:", err)
					}
					return
				}
				for r.Next(&f) {
					frames.Add(1)
					if _, ok := check(f.Network()); !ok {
						t.Error("a frame of other bytes")
					}
				}
				r.Leave()
			}
		})
		// Others look on, and close it at the same time.
		reader.Go(func() {
			for range 10 {
				r.Stats()
				r.Wake()
			}
		})
		time.Sleep(time.Duration(i%5) * time.Millisecond)
		var closing sync.WaitGroup
		for range 2 {
			closing.Go(func() {
				if err := r.Close(); err != nil {
					t.Error("Close:", err)
				}
			})
		}
		closing.Wait()
		reader.Wait()
		unix.Close(fd)
	}
	stop.Store(true)
	traffic.Wait()
	if frames.Load() == 0 {
		t.Error("nothing was read")
	}
	for end := time.Now().Add(soon); packetSockets(t, p.b) != before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d packet sockets, there were %d", packetSockets(t, p.b), before)
		}
	}
}

// socket2 is a socket of b that the caller closes.
func (p *pair) socket2(t *testing.T) (fd int) {
	t.Helper()
	err := p.b.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fd
}
