// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

// stampSink keeps the cookies of transmit stamps.
type stampSink struct {
	collector
	cookies []uint64
}

func (c *stampSink) Event(e *transport.Event) {
	if e.Kind == transport.PacketSent && e.Sent.Protocol == 253 && e.Sent.Source == transport.TimeKernel {
		c.cookies = append(c.cookies, e.Sent.Cookie)
	}
}

// sendStamped sends packets in one batch, every other with a stamp, and its
// number as the cookie. It returns the cookies of stamps to come; what is refused
// is left out.
func sendStamped(t *testing.T, tr *Transport, from uint64, packets ...[]byte) (want []uint64) {
	t.Helper()
	q := tr.Queues()[0]
	var b transport.Batch
	if err := q.Reserve(&b, len(packets)); err != nil {
		t.Fatal(err)
	}
	for i, p := range packets {
		s := &b.Slots[i]
		s.Data = append(s.Data, p...)
		s.Cookie, s.Stamp = from+uint64(i), i%2 == 0
	}
	for left := len(packets); left > 0; {
		var before []uint64
		for _, s := range b.Slots[:left] {
			if !s.Stamp {
				s.Cookie = 0
			}
			before = append(before, s.Cookie)
		}
		n, err := q.Commit(&b, left)
		for _, c := range before[:n] {
			if c != 0 {
				want = append(want, c)
			}
		}
		left -= n
		switch {
		case errors.Is(err, transport.ErrNoSlots):
			pause()
		case err != nil:
			b.Drop()
			left--
		}
	}
	if _, err := q.Commit(&b, 0); err != nil {
		t.Fatal(err)
	}
	return want
}

func TestStampsAreOfThePacketsThatAskedForThem(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	firewall := false
	if _, err := exec.LookPath("nft"); err == nil {
		firewall = true
		for _, rule := range []string{
			"add table inet t",
			"add chain inet t out { type filter hook output priority 0; }",
			"add rule inet t out ip protocol 253 ip length 77 drop",
			"add rule inet t out ip6 nexthdr 253 ip6 length 57 drop",
		} {
			if out, err := a.Run(context.Background(), "nft", rule); err != nil {
				t.Fatalf("nft %s: %v: %s", rule, err, out)
			}
		}
	}
	for _, mode := range []Header{Included, Kernel} {
		families(t, func(t *testing.T, v6 bool) {
			tx := open(t, a, Config{Header: mode})
			h := between(a, b, v6)
			nowhere := h
			nowhere.dst = addr("192.0.2.1")
			if v6 {
				nowhere.dst = addr("2001:db8::1")
			}
			fine, refused := packet(h, pattern(20)), packet(h, pattern(57))
			big, lost := packet(h, pattern(2000)), packet(nowhere, pattern(20))
			if mode == Kernel {
				big = lost
			}
			var want []uint64
			for i := range uint64(4) {
				want = append(want, sendStamped(t, tx, 100*(i+1), fine, fine, big, fine, lost, refused, refused, fine, fine)...)
			}
			least := 4 * 2
			if !firewall {
				least = 4 * 3
			}
			if len(want) != least {
				t.Fatalf("%d stamped packets were sent, want %d: %v", len(want), least, want)
			}
			var c stampSink
			q := tx.Queues()[0]
			for end := time.Now().Add(10 * time.Second); len(c.cookies) < len(want) && time.Now().Before(end); {
				if _, err := q.Recv(&c, 64); err != nil {
					t.Fatal(err)
				}
				if err := q.Wait(time.Now().Add(10 * time.Millisecond)); err != nil {
					t.Fatal(err)
				}
			}
			if len(c.cookies) != len(want) {
				t.Fatalf("stamps of %v, want %v", c.cookies, want)
			}
			for i := range want {
				if c.cookies[i] != want[i] {
					t.Errorf("stamps of %v, want %v", c.cookies, want)
					break
				}
			}
		})
	}
}

func TestASendOnlyTransportHasNoStamps(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{SendOnly: true})
	if c := tx.Caps(); c.TxTime != transport.TimeNone || c.QuotesErrors {
		t.Errorf("Caps: TxTime %v, QuotesErrors %v", c.TxTime, c.QuotesErrors)
	}
	sendStamped(t, tx, 1, packet(between(a, b, false), nil))
	s := tx.senders[sockID(false, 255)].Load()
	if n, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW); err != nil || n != 0 {
		t.Errorf("SO_TIMESTAMPING is %#x, %v", n, err)
	}
}
