// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/proto/wire"
	"protean/transport"
)

// large is a datagram of 14 fragments, more than a batch of the rig's.
const large, pieces = 20_000, 14

// narrow is a Conn over a transport that takes a few packets, and then none until more
// is called.
func narrow(t *testing.T, few int) (c *proto.Conn, q *rigQueue, more func()) {
	r := newRig(1)
	r.caps.MaxPacket = 65535
	h := rigHost(t, r, nil)
	c = conn(t)(h.Dial(253, rigPeer, nil))
	runHost(t, h)
	q = r.qs[0]
	left := few
	q.commit = func(n int) (int, error) {
		if n <= left {
			left -= n
			return n, nil
		}
		n, left = left, 0
		return n, transport.ErrNoSlots
	}
	return c, q, func() { q.with(func() { left, q.room = few, true }) }
}

// wantOnce checks that the first fragments sent are those of one datagram.
func wantOnce(t *testing.T, sent []transport.Slot, n int) {
	t.Helper()
	if len(sent) < n {
		t.Fatalf("%d packets sent, want %d fragments", len(sent), n)
	}
	first, next := wire.IPv4(sent[0].Data), 0
	for i := range n {
		ip := wire.IPv4(sent[i].Data)
		if ip.FragmentOffset() != next || ip.ID() != first.ID() {
			t.Fatalf("packet %d: offset %d of datagram %d, want %d of %d", i, ip.FragmentOffset(), ip.ID(), next, first.ID())
		}
		next += ip.TotalLen() - ip.HeaderLen()
	}
}

func TestADatagramOfMoreFragmentsThanThereIsRoomForGetsThrough(t *testing.T) {
	for _, few := range []int{1, 3, 8, 13} {
		synctest.Test(t, func(t *testing.T) {
			c, q, more := narrow(t, few)
			done := started(func() error { _, err := c.Write(make([]byte, large)); return err })
			synctest.Wait()
			other := started(func() error { _, err := c.WriteBatch([]proto.Message{{Buf: []byte("x")}}); return err })
			for range pieces + 2 {
				synctest.Wait()
				more()
			}
			for _, c := range []<-chan error{done, other} {
				if err := within(t, c, "Write waits for ever"); err != nil {
					t.Error(err)
				}
			}
			synctest.Wait() // the loop has looked for room
			sent := q.packets()
			wantOnce(t, sent, pieces)
			if len(sent) != pieces+1 || q.slots() != 0 || c.Stats().Sent != pieces+1 {
				t.Errorf("room for %d: %d packets sent, %d counted, %d slots kept", few, len(sent), c.Stats().Sent, q.slots())
			}
		})
	}
}

func TestTheRestOfADatagramEndsWithItsWrite(t *testing.T) {
	for what, end := range map[string]func(*proto.Conn) error{
		"deadline": func(c *proto.Conn) error { c.SetWriteDeadline(time.Now()); return os.ErrDeadlineExceeded },
		"Close":    func(c *proto.Conn) error { c.Close(); return net.ErrClosed },
	} {
		synctest.Test(t, func(t *testing.T) {
			c, q, more := narrow(t, 3)
			done := started(func() error { _, err := c.Write(make([]byte, large)); return err })
			synctest.Wait()
			if !waiting(done) || q.slots() == 0 {
				t.Errorf("%s: no fragment waits", what)
			}
			want := end(c)
			if err := within(t, done, what+": Write goes on"); !errors.Is(err, want) {
				t.Errorf("%s: %v", what, err)
			}
			synctest.Wait()
			if q.slots() != 0 {
				t.Errorf("%s: %d slots kept", what, q.slots())
			}
			more()
			c.SetWriteDeadline(time.Time{})
			if _, err := c.Write([]byte("x")); err != nil && !errors.Is(want, net.ErrClosed) {
				t.Errorf("%s: the next Write: %v", what, err)
			}
			if n := len(q.packets()); n > 4 {
				t.Errorf("%s: %d packets sent, want 3 fragments and at most one packet more", what, n)
			}
		})
	}
}

// TestAnErrorInTheRestOfADatagramIsItsWritersAlone has another writer come upon it.
func TestAnErrorInTheRestOfADatagramIsItsWritersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, q, more := narrow(t, 3)
		done := started(func() error { _, err := c.Write(make([]byte, large)); return err })
		synctest.Wait()
		bad := errors.New("bad")
		q.with(func() {
			q.commit = func(n int) (int, error) {
				q.mu.Lock()
				defer q.mu.Unlock()
				q.commit = nil
				return 0, bad
			}
		})
		if _, err := c.Write([]byte("x")); err != nil {
			t.Errorf("the other writer: %v", err)
		}
		more()
		if err := within(t, done, "Write goes on"); !errors.Is(err, bad) {
			t.Errorf("the writer of the datagram: %v", err)
		}
		synctest.Wait() // the loop has looked for room
		if n := len(q.packets()); n != 4 || q.slots() != 0 {
			t.Errorf("%d packets sent, %d slots kept; want 3 fragments and a packet, 0", n, q.slots())
		}
	})
}
