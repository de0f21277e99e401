// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/proto/prototest"
)

func TestWaitingForTheLoopOnTheLoopIsAnError(t *testing.T) {
	n := prototest.Pair(t, nil)
	other := n.B.Register(t, 77, proto.HandlerFunc(echo))
	conn, err := n.B.Listen(78, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var where string
	var b *proto.Binding
	try := func(name string) {
		where = name
		for _, x := range []*proto.Binding{b, other} {
			if err := x.Do(func(*proto.Env) { t.Error("ran") }); err != proto.ErrOnLoop {
				t.Errorf("in %s: Do: %v, want ErrOnLoop", name, err)
			}
			if err := x.Await(nil, func(*proto.Env) bool { return true }); err != proto.ErrOnLoop {
				t.Errorf("in %s: Await: %v, want ErrOnLoop", name, err)
			}
			if err := x.Close(); err != proto.ErrOnLoop {
				t.Errorf("in %s: Close: %v, want ErrOnLoop", name, err)
			}
		}
		if err := conn.Close(); err != proto.ErrOnLoop {
			t.Errorf("in %s: Conn.Close: %v, want ErrOnLoop", name, err)
		}
		if err := x(b.NewSender().Wait(nil)); err != proto.ErrStepped {
			t.Errorf("in %s: Sender.Wait: %v, want ErrStepped", name, err)
		}
	}
	s := &script{
		packet: func(*proto.Env, *proto.Packet) error { try("HandlePacket"); return nil },
		end:    func(*proto.Env) error { try("EndBatch"); return nil },
		sent:   func(*proto.Env, *proto.Sent) error { try("HandleSent"); return nil },
		stop:   func(*proto.Env) { try("Stop") },
	}
	b = n.B.Register(t, 253, s)
	n.A.Send(t, 253, n.B.Addr4, nil)
	n.Run(t, time.Second)
	if where != "EndBatch" {
		t.Fatalf("got as far as %q", where)
	}
	b.Do(func(env *proto.Env) {
		try("Do")
		env.After(0, func(*proto.Env) { try("a timer") })
		if err := env.Send(proto.Header{Dst: n.A.Addr4, Stamp: true}, nil); err != nil {
			t.Error(err)
		}
	})
	b.Post(func(*proto.Env) { try("a posted function") })
	n.Run(t, time.Second)
	b.Await(nil, func(*proto.Env) bool { try("Await"); return true })
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if where != "Stop" {
		t.Errorf("got as far as %q", where)
	}
}

func x(err error) error { return err }

func TestHandleOnALiveLoopIsAnError(t *testing.T) {
	n := prototest.LivePair(t, nil)
	got := make(chan error, 1)
	b := n.B.Register(t, 253, proto.HandlerFunc(echo))
	b.Post(func(*proto.Env) {
		_, err := n.B.Handle(77, proto.HandlerFunc(echo))
		got <- err
	})
	if err := <-got; err != proto.ErrOnLoop {
		t.Errorf("Handle: %v, want ErrOnLoop", err)
	}
}

func TestEnvOutsideItsCallbackIsAnError(t *testing.T) {
	n := prototest.Pair(t, nil)
	var env *proto.Env
	var timer *proto.Timer
	var slot *proto.Slot
	b := n.B.Register(t, 253, proto.HandlerFunc(echo))
	b.Do(func(e *proto.Env) {
		env = e
		timer = e.NewTimer(func(*proto.Env) {})
		var err error
		if slot, err = e.Reserve(proto.Header{Dst: n.A.Addr4}, 0); err != nil {
			t.Error(err)
		}
		if _, err := e.Reserve(proto.Header{Dst: n.A.Addr4}, 0); err != proto.ErrSlotOpen {
			t.Errorf("a second slot: %v, want ErrSlotOpen", err)
		}
	})
	for name, err := range map[string]error{
		"Send":         env.Send(proto.Header{Dst: n.A.Addr4}, nil),
		"Relay":        env.Relay(0, &proto.Packet{}),
		"Timer.Reset":  timer.Reset(0),
		"Slot.SetLen":  slot.SetLen(1),
		"Slot.Commit":  slot.Commit(),
		"Timer.ResetA": timer.ResetAt(time.Now()),
	} {
		want := proto.ErrNotOnLoop
		if name[0] == 'S' && name[1] == 'l' {
			want = proto.ErrSlotDone
		}
		if err != want {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	func() {
		defer func() {
			if v := recover(); v != proto.ErrNotOnLoop {
				t.Errorf("After: panic %v, want ErrNotOnLoop", v)
			}
		}()
		env.After(0, func(*proto.Env) {})
	}()
	if timer.Stop() || timer.Armed() {
		t.Error("a timer is armed that nobody could arm")
	}
	n.Run(t, time.Second)
	if s := n.B.Host.Stats(); s.Sent != 0 {
		t.Errorf("%d packets sent, want none", s.Sent)
	}
}

func TestBlockingCallsOnASteppedHostAreErrors(t *testing.T) {
	n := prototest.Pair(t, nil)
	b := n.B.Register(t, 253, proto.HandlerFunc(echo))
	if err := n.B.Run(context.Background()); err != proto.ErrStepped {
		t.Errorf("Run: %v, want ErrStepped", err)
	}
	if err := b.Await(nil, func(*proto.Env) bool { return false }); err != proto.ErrStepped {
		t.Errorf("Await: %v, want ErrStepped", err)
	}
	if err := b.Await(nil, func(*proto.Env) bool { return true }); err != nil {
		t.Errorf("Await of what is true: %v", err)
	}
	if _, err := n.B.Handle(77, runner{}); !errors.Is(err, proto.ErrStepped) {
		t.Errorf("a Runner: %v, want ErrStepped", err)
	}
	c, err := n.B.Listen(78, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, proto.ErrStepped) {
		t.Errorf("Read: %v, want ErrStepped", err)
	}
}

type runner struct {
	proto.HandlerFunc
	run func(context.Context, *proto.Binding) error
}

func (r runner) HandlePacket(e *proto.Env, p *proto.Packet) error { return nil }
func (r runner) Run(ctx context.Context, b *proto.Binding) error  { return r.run(ctx, b) }

func TestTimersRunAtTheirTimeInOrderOfArming(t *testing.T) {
	n := prototest.Pair(t, nil)
	b := n.B.Register(t, 253, proto.HandlerFunc(echo))
	start := n.Sim.Now()
	var log []string
	note := func(s string) func(*proto.Env) {
		return func(env *proto.Env) { log = append(log, s+" "+env.Now().Sub(start).String()) }
	}
	var again *proto.Timer
	b.Do(func(env *proto.Env) {
		env.After(2*time.Second, note("c"))
		env.After(time.Second, note("a"))
		env.After(time.Second, note("b"))
		env.After(3*time.Second, note("never")).Stop()
		env.After(time.Hour, note("d"))
		left := 2
		again = env.NewTimer(func(env *proto.Env) {
			note("again")(env)
			if left--; left > 0 {
				again.Reset(0)
				env.After(-time.Second, note("past"))
			}
		})
		again.ResetAt(start.Add(90 * time.Minute))
	})
	n.Run(t, 2*time.Hour)
	want := []string{"a 1s", "b 1s", "c 2s", "d 1h0m0s", "again 1h30m0s", "again 1h30m0s", "past 1h30m0s"}
	if !slices.Equal(log, want) {
		t.Errorf("ran %q, want %q", log, want)
	}
}

func TestStoppedAndClosedTimersDoNotRun(t *testing.T) {
	n := prototest.Pair(t, nil)
	b := n.B.Register(t, 253, proto.HandlerFunc(echo))
	ran := ""
	var second, late *proto.Timer
	b.Do(func(env *proto.Env) {
		env.After(time.Second, func(*proto.Env) {
			ran += "1"
			if !second.Stop() {
				t.Error("Stop of a timer due in the same pass: not armed")
			}
		})
		second = env.After(time.Second, func(*proto.Env) { ran += "2" })
		late = env.After(time.Minute, func(*proto.Env) { ran += "late" })
	})
	n.Run(t, 2*time.Second)
	b.Close()
	n.Run(t, time.Hour)
	if ran != "1" || late.Armed() {
		t.Errorf("ran %q, want 1", ran)
	}
}

func TestAwaitReturnsWhenNotifiedCancelledOrClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.LivePair(t, nil)
		count := 0
		b := n.B.Register(t, 253, proto.HandlerFunc(func(env *proto.Env, _ *proto.Packet) error {
			count++
			env.Notify()
			return nil
		}))
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() {
				if err := b.Await(nil, func(*proto.Env) bool { return count > i }); err != nil {
					t.Errorf("Await: %v", err)
				}
			})
		}
		synctest.Wait()
		for range 3 {
			n.A.Send(t, 253, n.B.Addr4, nil)
			time.Sleep(time.Second)
		}
		wg.Wait()

		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.Await(ctx.Done(), func(*proto.Env) bool { return false }); err != context.Canceled {
			t.Errorf("cancelled Await: %v, want context.Canceled", err)
		}
		wg.Go(func() {
			if err := b.Await(nil, func(*proto.Env) bool { return false }); err != net.ErrClosed {
				t.Errorf("Await of a closed binding: %v, want net.ErrClosed", err)
			}
		})
		wg.Go(func() {
			err := b.Await(nil, func(*proto.Env) bool {
				if count == 4 {
					panic("boom")
				}
				return false
			})
			if err == nil {
				t.Error("Await of a function that panics: no error")
			}
		})
		synctest.Wait()
		n.A.Send(t, 253, n.B.Addr4, nil)
		time.Sleep(time.Second)
		b.Close()
		wg.Wait()
		if err := b.Do(func(*proto.Env) {}); err != net.ErrClosed {
			t.Errorf("Do: %v, want net.ErrClosed", err)
		}
		if err := b.Post(func(*proto.Env) {}); err != net.ErrClosed {
			t.Errorf("Post: %v, want net.ErrClosed", err)
		}
	})
}

func TestDoPanicGoesToTheCallerAndLeavesTheLoopFree(t *testing.T) {
	n := prototest.Pair(t, nil)
	b := n.B.Register(t, 253, proto.HandlerFunc(echo))
	func() {
		defer func() {
			if recover() != "mine" {
				t.Error("the panic did not come through")
			}
		}()
		b.Do(func(*proto.Env) { panic("mine") })
	}()
	if err := b.Do(func(*proto.Env) {}); err != nil {
		t.Error(err)
	}
}

func TestPostedFunctionsRunInOrder(t *testing.T) {
	n := prototest.LivePair(t, nil)
	b := n.B.Register(t, 253, proto.HandlerFunc(echo))
	var got []int
	done := make(chan struct{})
	for i := range 1000 {
		if err := b.Post(func(*proto.Env) {
			if got = append(got, i); i == 999 {
				close(done)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	<-done
	if len(got) != 1000 || !slices.IsSorted(got) {
		t.Errorf("%d functions ran, sorted: %v", len(got), slices.IsSorted(got))
	}
}

func TestRunnerRunsWithTheHostAndEndsWithItsBinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := prototest.LivePair(t, nil)
		log := make(chan string, 10)
		add := func(protocol uint8, f func(context.Context, *proto.Binding) error) *proto.Binding {
			return n.B.Register(t, protocol, runner{run: f})
		}
		b := add(253, func(ctx context.Context, b *proto.Binding) error {
			log <- "began"
			<-ctx.Done()
			if err := b.Close(); err != nil { // by itself: must not wait for itself
				t.Error(err)
			}
			log <- "ended"
			return ctx.Err()
		})
		if s := <-log; s != "began" {
			t.Error(s)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if len(log) != 1 || <-log != "ended" {
			t.Error("Close did not wait for the Runner")
		}
		add(77, func(context.Context, *proto.Binding) error { panic("boom") })
		add(78, func(context.Context, *proto.Binding) error { return errors.New("own") })
		synctest.Wait()
		if s := n.B.Host.Stats(); s.Panics != 1 || s.Errors != 1 {
			t.Errorf("panics %d, errors %d, want 1 and 1", s.Panics, s.Errors)
		}
	})
}

func TestRunEndsWithItsContextOrItsTransport(t *testing.T) {
	n := prototest.LivePair(t, nil)
	running := make(chan struct{})
	n.A.Register(t, 253, proto.HandlerFunc(echo)).Post(func(*proto.Env) { close(running) })
	<-running
	if err := n.A.Run(context.Background()); err != proto.ErrRunning {
		t.Errorf("a second Run: %v, want ErrRunning", err)
	}
	if _, err := n.A.Poll(time.Now()); err != proto.ErrRunning {
		t.Errorf("Poll: %v, want ErrRunning", err)
	}
	tr, err := n.A.Node.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := proto.NewHost(tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(10*time.Millisecond, cancel)
		if err := h.Run(ctx); err != nil {
			t.Errorf("Run whose context ended: %v", err)
		}
	}
	time.AfterFunc(10*time.Millisecond, func() { tr.Close() })
	if err := h.Run(context.Background()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run of a closed transport: %v, want net.ErrClosed", err)
	}
}

// TestTimersOfFarTimes arms timers for times beyond what host time can say, also where
// Poll's clock is far from the system's.
func TestTimersOfFarTimes(t *testing.T) {
	for _, ahead := range []time.Duration{-100 * 365 * 24 * time.Hour, 0, 100 * 365 * 24 * time.Hour} {
		h := rigHost(t, newRig(1), nil)
		now := time.Now().Add(ahead)
		poll(t, h, now)
		b := handle(t, h, 253, &script{})
		var ran []time.Time
		do(t, b, func(env *proto.Env) {
			for _, at := range []time.Time{
				{}, now.AddDate(-250, 0, 0), now.AddDate(-150, 0, 0), now.AddDate(150, 0, 0), now.AddDate(250, 0, 0), now.AddDate(5000, 0, 0),
			} {
				timer := env.NewTimer(func(*proto.Env) { ran = append(ran, at) })
				if err := timer.ResetAt(at); err != nil {
					t.Error(err)
				}
			}
		})
		for range 2 {
			poll(t, h, now)
		}
		if len(ran) != 3 {
			t.Errorf("clock ahead by %v: ran timers for %v, want the 3 before %v", ahead, ran, now)
		}
	}
}
