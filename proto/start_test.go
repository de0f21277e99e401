// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
)

// The packet arrives while Start is running: the protocol is bound already.
func TestNoPacketIsHandledBeforeStartHasReturned(t *testing.T) {
	for _, name := range []string{"plain", "Concurrent"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(1)
			h := rigHost(t, r, nil)
			runHost(t, h)
			var ready atomic.Bool
			handled := make(chan bool, 1)
			s := script{
				start: func(*proto.Env) error {
					r.qs[0].put(in(253))
					time.Sleep(time.Second) // the loop gets as far as it can
					ready.Store(true)
					return nil
				},
				packet: func(*proto.Env, *proto.Packet) error { handled <- ready.Load(); return nil },
			}
			if name == "plain" {
				handle(t, h, 253, &s)
			} else {
				handle(t, h, 253, &concurrent{script: s})
			}
			if !within(t, handled, name+": the packet was not handled") {
				t.Errorf("%s: handled before Start had returned", name)
			}
		})
	}
}

// Between being registered and Start there must be no gap either. Protocol 1 is
// entered into the table first, so that a gap would last for as long as the
// others take, which is long when many are registered.
func TestRegisteringUnderTrafficCallsStartFirst(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	for range 300 {
		if _, err := h.HandleWith(proto.HandlerFunc(taking), &proto.Options{Protocols: []uint8{200}, Observe: true}); err != nil {
			t.Fatal(err)
		}
	}
	r.qs[0].endless = true
	r.qs[0].put(in(1))
	runHost(t, h)
	for range 50 {
		begun, early := false, false
		b, err := h.Handle(1, &script{
			start:  func(*proto.Env) error { begun = true; return nil },
			packet: func(*proto.Env, *proto.Packet) error { early = early || !begun; return nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		if early {
			t.Fatal("a packet was handled before Start")
		}
	}
}

func TestARunnerBeginsAfterStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := rigHost(t, newRig(1), nil)
		var ready atomic.Bool
		begun := make(chan bool, 1)
		handle(t, h, 253, &startRunner{
			script: script{start: func(*proto.Env) error {
				runHost(t, h)
				synctest.Wait() // Run has looked at what is registered
				ready.Store(true)
				return nil
			}},
			run: func(context.Context, *proto.Binding) error { begun <- ready.Load(); return nil },
		})
		if !within(t, begun, "the Runner did not begin") {
			t.Error("the Runner began before Start had returned")
		}
	})
}

// startRunner is a Runner that is a Starter too.
type startRunner struct {
	script
	run func(context.Context, *proto.Binding) error
}

func (r *startRunner) Run(ctx context.Context, b *proto.Binding) error { return r.run(ctx, b) }

func TestAStartThatDoesNotReturnUndoesTheRegistration(t *testing.T) {
	for name, f := range map[string]func(){
		"panic":  func() { panic("boom") },
		"Goexit": runtime.Goexit, // as a test's FailNow does
	} {
		r := newRig(1)
		h := rigHost(t, r, nil)
		done := make(chan struct{})
		var err error
		go func() {
			defer close(done)
			_, err = h.Handle(253, &script{start: func(*proto.Env) error { f(); return nil }})
		}()
		within(t, done, name+" in Start: Handle hangs")
		if s := h.Stats(); name == "panic" && (err == nil || s.Panics != 1) {
			t.Errorf("panic in Start: %v, %d panics counted; want an error and 1", err, s.Panics)
		}
		handle(t, h, 253, proto.HandlerFunc(echo)) // is free again
		if r.binds[253] != 1 {
			t.Errorf("%s in Start: bound %d times, want 1", name, r.binds[253])
		}
	}
}

func TestBindsOfTheTransportAreBalanced(t *testing.T) {
	r := newRig(1)
	r.refuse = map[int]error{66: syscall.EPERM}
	h := rigHost(t, r, nil)
	register := func(o proto.Options, protocols ...uint8) *proto.Binding {
		t.Helper()
		o.Protocols = protocols
		b, err := h.HandleWith(proto.HandlerFunc(taking), &o)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	want := func(what string, calls int, protocols ...int) {
		t.Helper()
		bound := 0
		for _, n := range r.binds {
			bound += n
		}
		if bound != len(protocols) || r.calls != calls {
			t.Errorf("%s: bound %v by %d calls, want %v by %d", what, r.binds, r.calls, protocols, calls)
		}
		for _, p := range protocols {
			if r.binds[p] != 1 {
				t.Errorf("%s: protocol %d bound %d times, want once", what, p, r.binds[p])
			}
		}
	}
	a := register(proto.Options{Shared: true}, 253, 254)
	b := register(proto.Options{Shared: true}, 254)
	want("two that share", 2, 253, 254)
	o := register(proto.Options{Observe: true, AnyProtocol: true})
	want("and an observer of all", 3, 253, 254, -1)
	a.Close()
	a.Close() // does not count twice
	want("after the first", 3, 254, -1)
	c, err := h.Dial(254, rigPeer, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	want("while a Conn remains", 3, 254, -1)
	c.Close()
	c.Close()
	o.Close()
	want("after the last", 3)

	if _, err := h.HandleWith(proto.HandlerFunc(taking), &proto.Options{Protocols: []uint8{65, 66, 67}}); !errors.Is(err, syscall.EPERM) {
		t.Errorf("HandleWith: %v, want what Bind says", err)
	}
	want("after a refusal", 4)
	if _, err := h.Handle(65, &script{start: func(*proto.Env) error { return syscall.EIO }}); !errors.Is(err, syscall.EIO) {
		t.Errorf("Handle: %v, want what Start says", err)
	}
	want("after a failed Start", 5)
}

func TestAFailedRegistrationEndsForeignDelivery(t *testing.T) {
	r := newRig(1)
	r.refuse = map[int]error{253: syscall.EPERM}
	h := rigHost(t, r, nil)
	_, err := h.HandleWith(proto.HandlerFunc(echo), &proto.Options{Protocols: []uint8{253}, Foreign: true})
	if !errors.Is(err, syscall.EPERM) || len(r.foreign) != 2 || !r.foreign[0] || r.foreign[1] {
		t.Errorf("HandleWith: %v; ReceiveForeign was called with %v, want true and false", err, r.foreign)
	}
}

func TestStartFindsInterfacesByName(t *testing.T) {
	n := prototest.Pair(t, nil)
	n.A.Register(t, 253, &script{start: func(env *proto.Env) error {
		for _, want := range env.Interfaces() {
			if f, ok := env.Interface(want.Name); !ok || !reflect.DeepEqual(f, want) {
				t.Errorf("%s: %+v, %v", want.Name, f, ok)
			}
		}
		if f, ok := env.Interface("eth77"); ok {
			t.Errorf("an interface that is not there: %+v", f)
		}
		return nil
	}})
}

// TestInterfacesAreListedOncePerPass, however many have changed, and when the host begins to be
// driven: what changed, and changed back, since it was made is told of by nobody.
func TestInterfacesAreListedOncePerPass(t *testing.T) {
	r := newRig(1)
	r.ifs = []transport.Interface{{Index: 1, Name: "eth0", MTU: 1300}}
	h := rigHost(t, r, nil)
	b := handle(t, h, 253, &script{})
	mtu := func() (n int) {
		do(t, b, func(env *proto.Env) { f, _ := env.Interface("eth0"); n = f.MTU })
		return n
	}
	r.ifs[0].MTU = 1500
	poll(t, h, time.Now())
	if got := mtu(); got != 1500 {
		t.Errorf("MTU %d after the first pass", got)
	}
	before := r.listed.Load()
	for _, want := range []int{1400, 1200} {
		r.ifs[0].MTU = want
		r.qs[0].with(func() {
			for i := range 10 { // which are older than the list
				r.qs[0].events = append(r.qs[0].events, transport.Event{Kind: transport.LinkChanged, Interface: &transport.Interface{Index: i, Name: "eth0", MTU: 999}})
			}
		})
		poll(t, h, time.Now())
		if got := mtu(); got != want {
			t.Errorf("MTU %d, want %d", got, want)
		}
	}
	if n := r.listed.Load() - before; n != 2 {
		t.Errorf("listed %d times", n)
	}
}
