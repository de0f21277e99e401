// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/transport"
)

// full has a queue say that it has no room, in one of the two places where a
// transport can say so, until the returned function is called.
func full(q *rigQueue, place string) (room func()) {
	free := q.free
	q.with(func() {
		if place == "Reserve" {
			q.free = 0
			return
		}
		q.commit = func(int) (int, error) { return 0, transport.ErrNoSlots }
	})
	return func() { q.with(func() { q.free, q.commit, q.room = free, nil, true }) }
}

var places = []string{"Reserve", "Commit"}

func TestWriteWaitsForRoomAndGoesOn(t *testing.T) {
	for _, place := range places {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(1)
			h := rigHost(t, r, nil)
			c := conn(t)(h.Dial(253, rigPeer, nil))
			runHost(t, h)
			synctest.Wait() // the loop is in Wait
			room := full(r.qs[0], place)
			one := started(func() error { _, err := c.Write([]byte("x")); return err })
			three := started(func() error { _, err := c.WriteBatch(make([]proto.Message, 3)); return err })
			synctest.Wait()
			if !waiting(one) || !waiting(three) {
				t.Errorf("%s: written without room", place)
			}
			room()
			for _, done := range []<-chan error{one, three} {
				if err := within(t, done, place+": there is room, but Write waits"); err != nil {
					t.Errorf("%s: %v", place, err)
				}
			}
			if n := len(r.qs[0].packets()); n != 4 || c.Stats().Sent != 4 || r.qs[0].slots() != 0 {
				t.Errorf("%s: %d packets sent, %d counted, %d slots kept; want 4, 4, 0", place, n, c.Stats().Sent, r.qs[0].slots())
			}
		})
	}
}

// Trying again and again would take a processor for as long as the link is
// busy.
func TestWriteWithoutRoomDoesNotSpin(t *testing.T) {
	for _, place := range places {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(1)
			h := rigHost(t, r, nil)
			c := conn(t)(h.Dial(253, rigPeer, nil))
			runHost(t, h)
			synctest.Wait()
			room := full(r.qs[0], place)
			var tries atomic.Int32
			if refuse := r.qs[0].commit; refuse != nil {
				r.qs[0].with(func() {
					r.qs[0].commit = func(n int) (int, error) {
						if tries.Add(1) > 1000 {
							return n, nil // or the test would not end
						}
						return refuse(n)
					}
				})
			}
			c.SetWriteDeadline(time.Now().Add(time.Hour))
			if _, err := c.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) || tries.Load() > 10 {
				t.Errorf("%s: Write: %v after %d tries, want a timeout after a few", place, err, tries.Load())
			}
			if k, err := c.WriteBatch(make([]proto.Message, 2)); k != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: WriteBatch after the deadline: %d, %v; want 0 and a timeout", place, k, err)
			}
			room()
		})
	}
}

func TestOnRoomRunsWhenThereIsRoomAndNotBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		b := handle(t, h, 253, proto.HandlerFunc(echo))
		runHost(t, h)
		synctest.Wait()
		room := full(r.qs[0], "Reserve")
		called := make(chan error, 1)
		do(t, b, func(env *proto.Env) {
			if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != proto.ErrNoSlots {
				t.Errorf("Send: %v, want ErrNoSlots", err)
			}
			env.OnRoom(func(env *proto.Env) { called <- env.Send(proto.Header{Dst: rigPeer}, nil) })
		})
		synctest.Wait() // the loop has looked, and is in Wait again
		if !waiting(called) {
			t.Error("called without room")
		}
		room()
		if err := within(t, called, "there is room, but OnRoom's function does not run"); err != nil {
			t.Errorf("Send when there is room: %v", err)
		}
		synctest.Wait()
		if n := len(r.qs[0].packets()); n != 1 {
			t.Errorf("%d packets sent, want 1", n)
		}
	})
}

// The loop looks at once, finds no room, and has to look again.
func TestWhatDoStagedWithoutRoomGoesOutWhenThereIsSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		b := handle(t, h, 253, proto.HandlerFunc(echo))
		runHost(t, h)
		synctest.Wait()
		room := full(r.qs[0], "Commit")
		do(t, b, func(env *proto.Env) {
			for range 3 {
				if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
					t.Error(err)
				}
			}
		})
		synctest.Wait()
		if n := len(r.qs[0].packets()); n != 0 {
			t.Errorf("%d packets sent without room", n)
		}
		room()
		synctest.Wait()
		if n := len(r.qs[0].packets()); n != 3 || b.Stats().Sent != 3 || r.qs[0].slots() != 0 {
			t.Errorf("%d packets sent, %d counted, %d slots kept; want 3, 3, 0", n, b.Stats().Sent, r.qs[0].slots())
		}
	})
}

// The transport's Wait returns for room before the host has taken note that it
// needs some. Nothing will wake the loop again.
func TestRoomThatComesAtOnceIsNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		q := r.qs[0]
		h := rigHost(t, r, nil)
		b := handle(t, h, 253, proto.HandlerFunc(echo))
		runHost(t, h)
		synctest.Wait()
		q.with(func() {
			q.commit = func(int) (int, error) {
				q.with(func() { q.commit, q.room = nil, true })
				synctest.Wait() // the loop has had its turn, and is in Wait again
				return 0, transport.ErrNoSlots
			}
		})
		do(t, b, func(env *proto.Env) {
			if err := env.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if n := len(q.packets()); n != 1 {
			t.Errorf("%d packets sent, want 1: there is room", n)
		}
	})
}

func TestWriteBatchSendsEachMessageOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		q := r.qs[0]
		q.free, q.keep = 4, true
		h := rigHost(t, r, nil)
		c := conn(t)(h.Dial(253, rigPeer, nil))
		runHost(t, h)
		ms := make([]proto.Message, 11)
		for i := range ms {
			ms[i].Buf = []byte{byte(i)}
		}
		type result struct {
			n   int
			err error
		}
		done := started(func() result { n, err := c.WriteBatch(ms); return result{n, err} })
		for range 20 { // slots come back a few at a time
			synctest.Wait()
			q.with(func() { q.free, q.room = 3-q.lent, true })
		}
		if got := within(t, done, "WriteBatch has not returned"); got.n != len(ms) || got.err != nil {
			t.Errorf("WriteBatch: %d, %v; want %d", got.n, got.err, len(ms))
		}
		var sent []byte
		for _, s := range q.packets() {
			sent = append(sent, s.Data[20])
		}
		if string(sent) != "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a" {
			t.Errorf("sent % x, want each message once and in order", sent)
		}
	})
}

func TestWriteBatchReportsARefusalOfTheTransport(t *testing.T) {
	r := newRig(1)
	q := r.qs[0]
	q.free = 2 // so that it cannot all be staged at once
	h := rigHost(t, r, nil)
	c := conn(t)(h.Dial(253, rigPeer, nil))
	q.commit = func(int) (int, error) {
		q.commit = nil
		return 0, &transport.TooBigError{Size: 2, MTU: 1}
	}
	n, err := c.WriteBatch(make([]proto.Message, 4))
	var tooBig *transport.TooBigError
	if n != 0 || !errors.As(err, &tooBig) {
		t.Errorf("WriteBatch: %d, %v; want 0 and the transport's error", n, err)
	}
	if s := c.Stats(); int(s.Sent) != len(q.packets()) || s.SendDropped[transport.TooBig] != 1 || q.slots() != 0 {
		t.Errorf("%d sent, %d counted, %d too big, %d slots kept", len(q.packets()), s.Sent, s.SendDropped[transport.TooBig], q.slots())
	}
}

// TestWhoWaitsForRoomLearnsThatTheTransportIsClosed has Run end by it.
func TestWhoWaitsForRoomLearnsThatTheTransportIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(1)
		h := rigHost(t, r, nil)
		c := conn(t)(h.Dial(253, rigPeer, nil))
		s := handle(t, h, 254, proto.HandlerFunc(taking)).NewSender()
		run := started(func() error { return h.Run(context.Background()) })
		synctest.Wait()
		full(r.qs[0], "Commit")
		write := started(func() error { _, err := c.Write([]byte("x")); return err })
		if err := s.Send(proto.Header{Dst: rigPeer}, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.Flush(); err != proto.ErrNoSlots {
			t.Fatal(err)
		}
		wait := started(func() error { return s.Wait(nil) })
		synctest.Wait()
		if !waiting(write) || !waiting(wait) {
			t.Fatal("there is room")
		}
		r.qs[0].with(func() {
			r.qs[0].commit = func(int) (int, error) { return 0, net.ErrClosed }
			r.qs[0].fail = net.ErrClosed
		})
		if err := within(t, run, "Run goes on"); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := within(t, write, "Write waits for ever"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write: %v", err)
		}
		if err := within(t, wait, "Wait does not end"); err != nil {
			t.Errorf("Wait: %v", err)
		}
		s.Close()
	})
}
