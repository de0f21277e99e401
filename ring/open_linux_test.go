// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func wantOption(t *testing.T, err error, option string, errno error) {
	t.Helper()
	var bad *OptionError
	if !errors.As(err, &bad) || bad.Option != option || !errors.Is(err, errno) {
		t.Errorf("got %v, want %s to fail with %v", err, option, errno)
	}
}

// The option that the kernel refuses is named, and nothing is left behind.
func TestErrorsOfTheKernelNameTheOption(t *testing.T) {
	p := newPair(t, 1500)
	udp, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(udp)
	_, err = NewRx(udp, nil)
	wantOption(t, err, "PACKET_VERSION", unix.ENOPROTOOPT)
	_, err = NewTx(udp, nil)
	wantOption(t, err, "PACKET_VERSION", unix.ENOPROTOOPT)

	// So many blocks that not even the list of them fits (KMALLOC_MAX_SIZE).
	fd := p.socket(p.b, unix.SOCK_RAW)
	_, err = NewRx(fd, &RxConfig{BlockSize: os.Getpagesize(), Blocks: 1 << 22})
	if strconv.IntSize == 64 { // else there are no addresses for them
		wantOption(t, err, "PACKET_RX_RING", unix.ENOMEM)
	}

	r, err := NewRx(fd, nil)
	if err != nil {
		t.Fatal("after a failure:", err)
	}
	defer r.Close()
	_, err = NewRx(fd, nil)
	wantOption(t, err, "PACKET_VERSION", unix.EBUSY)
	_, err = NewTx(fd, nil)
	wantOption(t, err, "PACKET_VERSION", unix.EBUSY)

	// There is not enough room in front of the frames.
	fd = p.socket(p.b, unix.SOCK_RAW)
	_, err = NewRx(fd, &RxConfig{V2: true, FrameSize: 128, Reserve: 1024})
	wantOption(t, err, "PACKET_RX_RING", unix.EINVAL)
	if _, err = NewRx(-1, nil); !errors.Is(err, unix.EBADF) {
		t.Errorf("no socket: %v", err)
	}
}

// Reserve moves frames away from their headers; the largest frames stay whole.
func TestReserveLeavesRoom(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond, Reserve: 256}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.open(cfg)
		p.numbered(3, 1, 1500)
		first(t, r, func(f *Frame) {
			if n, ok := check(f.Network()); n != 3 || !ok || f.Truncated() {
				t.Errorf("frame %d, whole %v, truncated %v", n, ok, f.Truncated())
			}
		})
	})
}

// Sockets opened at the same time in two namespaces receive what is theirs.
func TestRingsOfTwoNamespacesAtOnce(t *testing.T) {
	one, two := newPair(t, 1500), newPair(t, 1500)
	var all sync.WaitGroup
	for i, p := range []*pair{one, two} {
		all.Go(func() {
			for k := range 10 {
				r := p.open(&RxConfig{V2: true, BlockSize: 1 << 16, Blocks: 2})
				number := 1000*i + k
				p.numbered(number, 1, 100)
				if got := numbers(t, r, 1); len(got) != 1 || got[0] != number {
					t.Errorf("got %v, want %d", got, number)
				}
			}
		})
	}
	all.Wait()
}

// Waiting, reading, giving back, and asking what a frame tells allocate nothing.
func TestReceivingDoesNotAllocate(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.open(cfg)
		frames := make([][]byte, 16)
		for i := range frames {
			frames[i] = p.frame(i, 100)
		}
		var f Frame
		sum := 0
		lap := func() {
			for _, b := range frames {
				if err := p.trySend(b); err != nil {
					t.Fatal(err)
				}
			}
			for n := 0; n < len(frames); {
				if err := r.Wait(time.Now().Add(soon)); err != nil {
					t.Fatal(err)
				}
				if err := r.Enter(); err != nil {
					t.Fatal(err)
				}
				for r.Next(&f) {
					tci, _, _ := f.VLAN()
					sum += len(f.Network()) + f.Len() + int(f.UnixNano()) + len(f.Source()) + int(f.PacketType()) + int(tci)
					n++
				}
				r.Leave()
			}
			if _, err := r.Stats(); err != nil {
				t.Fatal(err)
			}
		}
		if n := testing.AllocsPerRun(50, lap); n != 0 {
			t.Errorf("%v allocations for %d frames", n, len(frames))
		}
	})
}

func TestSendingDoesNotAllocate(t *testing.T) {
	p := newPair(t, 1500)
	tx := p.transmit(&TxConfig{Frames: 64})
	defer enter(t, tx)()
	if n := testing.AllocsPerRun(50, func() {
		for i := range 16 {
			if !p.put(tx, i, 100) {
				t.Fatal("no room")
			}
		}
		if err := tx.Kick(); err != nil {
			t.Fatal(err)
		}
		if left := tx.Drain(time.Now().Add(soon)); left != 0 {
			t.Fatalf("%d left", left)
		}
	}); n != 0 {
		t.Errorf("%v allocations for 16 frames", n)
	}
}
