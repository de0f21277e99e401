// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

// A crash ends programs in the middle of Wait, Recv and Deliver; a restart
// begins them anew.
func crashWhileRunning(t *testing.T, cfg *sim.Config, d time.Duration) {
	p := newPair(t, cfg, &sim.LinkConfig{Delay: d / 10})
	var wg sync.WaitGroup
	defer wg.Wait()
	var boots int
	boot := func() error {
		h, err := p.b.Open(nil)
		if err != nil {
			return err
		}
		boots++
		check(t, h.Bind(proto))
		wg.Go(func() {
			var c counter
			for {
				if err := h.Queues()[0].Wait(time.Time{}); err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Errorf("Wait: %v", err)
					}
					return
				}
				if _, err := h.Queues()[0].Recv(&c, 4); err != nil && !errors.Is(err, net.ErrClosed) {
					t.Errorf("Recv: %v", err)
				}
			}
		})
		return nil
	}
	check(t, boot())
	p.b.OnRestart(boot)
	for i := range 5 {
		check(t, p.n.After(d*time.Duration(2*i+1), p.b.Crash))
		check(t, p.n.After(d*time.Duration(2*i+2), func() { check(t, p.b.Restart()) }))
	}
	done := make(chan struct{})
	check(t, p.n.After(11*d, func() { close(done) }))
	sent := 0
	for end := false; !end; {
		select {
		case <-done:
			end = true
		case <-time.After(d / 50):
			check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
			sent++
		}
	}
	if boots != 6 || p.b.Crashed() {
		t.Errorf("booted %d times, crashed: %v", boots, p.b.Crashed())
	}
	forth, _ := p.link.Stats()
	if forth.Down == 0 || forth.Delivered == 0 || forth.Offered != uint64(sent) {
		t.Errorf("%+v", forth)
	}
	check(t, p.n.Close())
}

func TestACrashEndsRunningPrograms(t *testing.T) {
	t.Run("in real time", func(t *testing.T) {
		crashWhileRunning(t, &sim.Config{Live: true}, 20*time.Millisecond)
	})
	t.Run("in a bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { crashWhileRunning(t, bubbleConfig(t), time.Second) })
	})
}

// A program may crash its own node from within Deliver: the packet is good
// until it returns.
func TestAProgramMayCrashItsNode(t *testing.T) {
	for _, live := range []bool{false, true} {
		p := newPair(t, &sim.Config{Live: live}, nil)
		check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
		check(t, send(t, p.ta, ip4(addrA, addrB, 60)))
		if !live {
			check(t, p.n.Run(0))
		}
		s := &suicide{node: p.b}
		if n, err := p.tb.Queues()[0].Recv(s, 10); n != 1 || err != nil || s.bytes != 60 {
			t.Errorf("%d packets, %v; %d bytes", n, err, s.bytes)
		}
		if _, err := p.tb.Queues()[0].Recv(s, 10); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after the crash: %v", err)
		}
		if st := p.tb.Stats(); st.Dropped[transport.Closed] != 1 {
			t.Errorf("%+v", st)
		}
		check(t, p.b.Restart())
	}
}

type suicide struct {
	node  *sim.Node
	bytes int
}

func (s *suicide) Deliver(p *transport.Packet) {
	s.node.Crash()
	s.bytes += len(p.Data)
}
func (s *suicide) Event(*transport.Event) {}
