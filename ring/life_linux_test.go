// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

func TestCloseEndsAWait(t *testing.T) {
	both(t, RxConfig{}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		for range 10 {
			r := p.open(cfg)
			ended := make(chan error, 1)
			go func() { ended <- r.Wait(time.Time{}) }()
			time.Sleep(time.Millisecond)
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("Wait: %v", err)
			}
			if err := r.Wait(time.Time{}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Wait after Close: %v", err)
			}
			if err := r.Enter(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Enter after Close: %v", err)
			}
			// Against the rules, and not deadly.
			if r.Next(new(Frame)) {
				t.Error("a frame after Close")
			}
			r.Wake()
			if err := r.Close(); err != nil {
				t.Errorf("Close again: %v", err)
			}
		}
	})
}

// While a frame is in use its memory stays, whatever Close would like.
func TestMemoryStaysWhileAReaderIsInside(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.open(cfg)
		r.patience = 50 * time.Millisecond
		p.numbered(9, 1, 1000)
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
		if err := r.Close(); !errors.Is(err, ErrInUse) {
			t.Errorf("Close: %v", err)
		}
		if n, ok := check(f.Network()); n != 9 || !ok {
			t.Errorf("frame %d, whole %v", n, ok)
		}
		if err := r.Enter(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Enter while Close waits: %v", err)
		}
		closed := make(chan error, 1)
		r.patience = soon
		go func() { closed <- r.Close() }()
		time.Sleep(time.Millisecond)
		if n, ok := check(f.Network()); n != 9 || !ok {
			t.Errorf("frame %d, whole %v", n, ok)
		}
		r.Leave()
		if err := <-closed; err != nil {
			t.Errorf("Close after Leave: %v", err)
		}
	})
}

// packetSockets counts the packet sockets of a namespace.
func packetSockets(t *testing.T, n *netlab.Node) (count int) {
	t.Helper()
	err := n.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/packet")
		count = strings.Count(string(b), "\n") - 1 // a line of titles
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// A mapping keeps a socket alive that was closed: it takes both.
func TestNothingIsLeftInTheKernel(t *testing.T) {
	p := newPair(t, 1500)
	before := packetSockets(t, p.b)
	fd := p.socket(p.b, unix.SOCK_RAW)
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewRx(own, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(time.Now().Add(time.Millisecond)); err != nil { // opens what waiting takes
		t.Fatal(err)
	}
	unix.Close(fd)
	unix.Close(own)
	if n := packetSockets(t, p.b); n != before+1 {
		t.Errorf("%d packet sockets with the ring mapped, want %d", n, before+1)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(soon); packetSockets(t, p.b) != before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d packet sockets, want %d", packetSockets(t, p.b), before)
		}
	}
}

func TestWakeAndDeadlinesEndAWait(t *testing.T) {
	p := newPair(t, 1500)
	r := p.open(nil)
	wait := func(until time.Time) {
		t.Helper()
		if err := r.Wait(until); err != nil {
			t.Fatal("Wait:", err)
		}
	}
	for range 10 {
		r.Wake() // sticky
		wait(time.Time{})
		wait(time.Now().Add(-time.Second))
		wait(time.Now().Add(time.Millisecond))
		go func() {
			time.Sleep(time.Millisecond)
			r.Wake()
		}()
		wait(time.Time{})
	}
}

func TestALinkThatComesBackIsReadOn(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.open(cfg)
		p.numbered(0, 1, 100)
		numbers(t, r, 1)
		for i := range 3 {
			told := make(chan error, 1)
			go func() {
				for {
					if err := r.Wait(time.Now().Add(soon)); err != nil || !r.Ready() {
						told <- err
						return
					}
				}
			}()
			if err := p.b.SetLink("eth0", false); err != nil {
				t.Fatal(err)
			}
			if err := <-told; !errors.Is(err, unix.ENETDOWN) {
				t.Fatalf("Wait with the link down: %v", err)
			}
			if gone, err := r.Gone(); gone || err != nil {
				t.Errorf("gone %v, %v", gone, err)
			}
			// It is told once.
			if err := r.Wait(time.Now().Add(time.Millisecond)); err != nil {
				t.Errorf("Wait again: %v", err)
			}
			if err := p.b.SetLink("eth0", true); err != nil {
				t.Fatal(err)
			}
			p.numbered(i, 1, 100)
			if got := numbers(t, r, 1); len(got) != 1 || got[0] != i {
				t.Errorf("after the link came up: %v", got)
			}
		}
	})
}

// change calls f with a connection to the routing tables of n, and the index of
// its interface.
func change(t *testing.T, n *netlab.Node, f func(c *rtnetlink.Conn, index uint32) error) {
	t.Helper()
	err := n.Do(func() error {
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return f(c, uint32(n.Interfaces()[0].Index))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnInterfaceThatIsGoneIsToldApart(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		t.Run("deleted", func(t *testing.T) {
			p := newPair(t, 1500)
			r := p.open(cfg)
			change(t, p.b, func(c *rtnetlink.Conn, index uint32) error { return c.Link.Delete(index) })
			wantGone(t, r)
		})
		t.Run("moved", func(t *testing.T) {
			p := newPair(t, 1500)
			r := p.open(cfg)
			ns, err := os.Open(p.a.NetNS())
			if err != nil {
				t.Fatal(err)
			}
			defer ns.Close()
			change(t, p.b, func(c *rtnetlink.Conn, index uint32) error {
				return c.Link.Set(&rtnetlink.LinkMessage{Index: index, Attributes: &rtnetlink.LinkAttributes{
					Name: "moved", NetNS: rtnetlink.NetNSForFD(uint32(ns.Fd())),
				}})
			})
			wantGone(t, r)
		})
	})
}

func wantGone(t *testing.T, r *Rx) {
	t.Helper()
	if err := r.Wait(time.Now().Add(soon)); !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("Wait: %v", err)
	}
	if gone, err := r.Gone(); !gone || err != nil {
		t.Errorf("gone %v, %v", gone, err)
	}
	if err := r.Wait(time.Now().Add(time.Millisecond)); err != nil {
		t.Errorf("Wait again: %v", err)
	}
}
