// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"protean/proto"
)

// Handlers come and go on one or two queues with few slots, while packets arrive and
// everything is called that can be. What counts is that nothing hangs, that
// every packet is accounted for, and that every slot is given back.
func TestEverythingAtOnceAddsUp(t *testing.T) {
	for _, queues := range []int{1, 2} {
		t.Run(fmt.Sprintf("queues=%d", queues), func(t *testing.T) { everythingAtOnce(t, queues) })
	}
}

func everythingAtOnce(t *testing.T, queues int) {
	r := newRig(queues)
	for _, q := range r.qs {
		q.free = 6
	}
	h := rigHost(t, r, &proto.Config{Batch: 4})
	stop := runHost(t, h)
	over := make(chan struct{})
	timer := time.AfterFunc(700*time.Millisecond, func() { close(over) })
	defer timer.Stop()
	going := func() bool {
		select {
		case <-over:
			return false
		default:
			return true
		}
	}
	var wg sync.WaitGroup
	for _, q := range r.qs {
		wg.Go(func() {
			for i := 0; going(); i++ {
				full := false
				if q.with(func() { full = len(q.in) > 50 }); full { // they cannot be handled as fast
					runtime.Gosched()
					continue
				}
				q.put(in(250 + uint8(i%5))) // one of them is nobody's
			}
		})
	}
	for k := range 4 {
		wg.Go(func() {
			for going() {
				stressOne(t, h, uint8(250+k), k == 3)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	within(t, done, "something hangs")
	stop()
	s := addsUp(t, h)
	sent := 0
	for i, q := range r.qs {
		sent += len(q.packets())
		if n := q.slots(); n != 0 {
			t.Errorf("queue %d: %d slots not given back", i, n)
		}
	}
	if uint64(sent) != s.Sent {
		t.Errorf("the transport took %d packets, counted %d", sent, s.Sent)
	}
	if s.Taken == 0 || s.Sent == 0 || s.Panics == 0 {
		t.Errorf("taken %d, sent %d, panics %d: the test shows nothing", s.Taken, s.Sent, s.Panics)
	}
}

// stressOne registers a handler, calls what can be called, and closes it.
func stressOne(t *testing.T, h *proto.Host, protocol uint8, parallel bool) {
	send := func(env *proto.Env) { env.Send(proto.Header{Dst: rigPeer}, nil) } // there may be no room
	n := 0
	s := script{
		packet: echo,
		start: func(env *proto.Env) error {
			var timer *proto.Timer
			timer = env.After(0, func(env *proto.Env) {
				timer.Reset(100 * time.Microsecond)
				send(env)
				env.Notify()
			})
			return nil
		},
		end: func(*proto.Env) error {
			if n++; n%7 == 0 {
				panic("boom")
			}
			return nil
		},
	}
	var hd proto.Handler = &s
	if parallel {
		s.end = nil
		hd = &concurrent{script: s}
	}
	b, err := h.Handle(protocol, hd)
	if err != nil {
		t.Error(err)
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 20 {
			b.Do(send)
			b.Post(func(env *proto.Env) { env.Notify() })
			h.Stats()
		}
	})
	wg.Go(func() {
		looked := 0
		cancel := make(chan struct{})
		timer := time.AfterFunc(time.Millisecond, func() { close(cancel) })
		defer timer.Stop()
		b.Await(cancel, func(*proto.Env) bool { looked++; return looked > 5 })
	})
	wg.Go(func() {
		s := b.NewSender()
		for range 20 {
			if s.Send(proto.Header{Dst: rigPeer}, nil) != nil {
				break
			}
			s.Flush()
		}
		for s.Pending() > 0 {
			s.Flush()
			runtime.Gosched()
		}
		s.Flush() // gives slots back
	})
	time.Sleep(time.Millisecond)
	if protocol%2 == 0 {
		wg.Wait() // or Close comes in between
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}
