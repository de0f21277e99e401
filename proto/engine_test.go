// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/transporttest"
)

// TestMain gives the tests network namespaces, where the host allows it, and
// fails them if they leave anything behind.
func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

// script is a handler made of functions, for what a test needs.
type script struct {
	packet func(*proto.Env, *proto.Packet) error
	start  func(*proto.Env) error
	stop   func(*proto.Env)
	end    func(*proto.Env) error
	link   func(*proto.Env, *transport.Interface) error
	sent   func(*proto.Env, *proto.Sent) error
	err    func(*proto.Env, *proto.NetworkError) error
}

func (s *script) HandlePacket(e *proto.Env, p *proto.Packet) error {
	if s.packet == nil {
		return nil
	}
	return s.packet(e, p)
}

func (s *script) Start(e *proto.Env) error {
	if s.start == nil {
		return nil
	}
	return s.start(e)
}

func (s *script) Stop(e *proto.Env) {
	if s.stop != nil {
		s.stop(e)
	}
}

func (s *script) EndBatch(e *proto.Env) error {
	if s.end == nil {
		return nil
	}
	return s.end(e)
}

func (s *script) HandleLink(e *proto.Env, l *transport.Interface) error {
	if s.link == nil {
		return nil
	}
	return s.link(e, l)
}

func (s *script) HandleSent(e *proto.Env, x *proto.Sent) error {
	if s.sent == nil {
		return nil
	}
	return s.sent(e, x)
}

func (s *script) HandleError(e *proto.Env, x *proto.NetworkError) error {
	if s.err == nil {
		return nil
	}
	return s.err(e, x)
}

// addsUp fails the test unless every packet received is accounted for.
func addsUp(t *testing.T, h *proto.Host) proto.Stats {
	t.Helper()
	s := h.Stats()
	if !balanced(s) {
		t.Errorf("received %d and put %d together, but taken %d + observed %d + dropped %d + fragments %d + held %d",
			s.Received, s.Reassembled, s.Taken, s.Observed, s.Dropped.Total(), s.Fragments, s.Held)
	}
	return s
}

func balanced(s proto.Stats) bool {
	return s.Received+s.Reassembled == s.Taken+s.Observed+s.Dropped.Total()+s.Fragments+s.Held
}

func echo(env *proto.Env, p *proto.Packet) error {
	return env.Send(proto.Header{Dst: p.Src()}, p.Payload())
}

func TestEchoAnswersBothFamilies(t *testing.T) {
	n := prototest.Pair(t, nil)
	n.B.Register(t, 253, proto.HandlerFunc(echo))
	r := n.A.Record(t, 253)
	n.A.Send(t, 253, n.B.Addr4, []byte("four"))
	n.A.Send(t, 253, n.B.Addr6, []byte("six"))
	n.Run(t, time.Second)
	r.Want(t, "four", "six")
	for i, p := range r.Packets() {
		want := []any{n.B.Addr4, n.B.Addr6}[i]
		if p.Src() != want {
			t.Errorf("answer %d from %v, want %v", i, p.Src(), want)
		}
	}
	if s := addsUp(t, n.B.Host); s.Taken != 2 || s.Sent != 2 {
		t.Errorf("B took %d and sent %d, want 2 and 2", s.Taken, s.Sent)
	}
}

func TestResultOfHandlerDecidesAndIsCounted(t *testing.T) {
	n := prototest.Pair(t, nil)
	results := []error{nil, proto.Pass, transport.BadChecksum, errors.New("own"), transport.DropNone}
	i := 0
	b := n.B.Register(t, 253, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error {
		i++
		return results[i-1]
	}))
	for range results {
		n.A.Send(t, 253, n.B.Addr4, nil)
	}
	n.A.Send(t, 77, n.B.Addr4, nil) // nobody there
	n.Run(t, time.Second)
	s := b.Stats()
	if s.Taken != 1 || s.Passed != 1 || s.Dropped[transport.BadChecksum] != 1 || s.Dropped[transport.HandlerError] != 2 {
		t.Errorf("binding counted %+v", s)
	}
	if h := addsUp(t, n.B.Host); h.Dropped[transport.NoHandler] != 1 {
		t.Errorf("%d without a handler, want 1 (the one passed on; protocol 77 is not bound)", h.Dropped[transport.NoHandler])
	}
}

func TestHandlersShareAProtocolInOrder(t *testing.T) {
	n := prototest.Pair(t, nil)
	var log []string
	add := func(name string, result error, o *proto.Options) *proto.Binding {
		o.Protocols = []uint8{253}
		return n.B.RegisterWith(t, proto.HandlerFunc(func(_ *proto.Env, p *proto.Packet) error {
			log = append(log, name+":"+string(p.Payload()))
			return result
		}), o)
	}
	add("first", proto.Pass, &proto.Options{Shared: true})
	second := add("second", nil, &proto.Options{Shared: true})
	add("third", nil, &proto.Options{Shared: true})
	add("observer", errors.New("does not count"), &proto.Options{Observe: true})
	n.A.Send(t, 253, n.B.Addr4, []byte("x"))
	n.Run(t, time.Second)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	n.A.Send(t, 253, n.B.Addr4, []byte("y"))
	n.Run(t, time.Second)
	want := []string{"observer:x", "first:x", "second:x", "observer:y", "first:y", "third:y"}
	if !slices.Equal(log, want) {
		t.Errorf("called %q, want %q", log, want)
	}
	addsUp(t, n.B.Host)
	if _, err := n.B.Handle(253, proto.HandlerFunc(echo)); !errors.Is(err, proto.ErrProtocolInUse) {
		t.Errorf("an exclusive handler beside shared ones: %v, want ErrProtocolInUse", err)
	}
}

// TestHandlersOfDifferentFamiliesShareAProtocol also has one of them want fragments as
// they are, which is not to keep those of the other from being put together.
func TestHandlersOfDifferentFamiliesShareAProtocol(t *testing.T) {
	n := prototest.Pair(t, nil)
	var log []string
	add := func(name string, o proto.Options) (*proto.Binding, error) {
		o.Protocols = []uint8{253}
		return n.B.HandleWith(proto.HandlerFunc(func(_ *proto.Env, p *proto.Packet) error {
			log = append(log, fmt.Sprint(name, p.Version(), len(p.Payload()) > 1500))
			return nil
		}), &o)
	}
	four, err := add("four", proto.Options{V4: true, Fragments: true})
	if err != nil {
		t.Fatal(err)
	}
	send := func() {
		for _, dst := range []netip.Addr{n.B.Addr4, n.B.Addr6} {
			n.A.Send(t, 253, dst, make([]byte, 2000))
			n.A.Send(t, 253, dst, make([]byte, 20))
		}
		n.Run(t, time.Second)
	}
	send()
	if s := addsUp(t, n.B.Host); s.Dropped[transport.NoHandler] != 3 || s.Reassembled != 0 || slices.ContainsFunc(log, func(s string) bool { return !strings.HasPrefix(s, "four4") }) {
		t.Errorf("with a handler for IPv4: called %q, dropped %v", log, s.Dropped)
	}
	six, err := add("six", proto.Options{V6: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]proto.Options{"both": {}, "both, named": {V4: true, V6: true}, "IPv4": {V4: true}, "IPv6": {V6: true}} {
		if _, err := add("third", o); !errors.Is(err, proto.ErrProtocolInUse) {
			t.Errorf("a third handler for %s: %v", name, err)
		}
	}
	log = nil
	send()
	if want := []string{"four4 false", "four4 false", "four4 false", "six6 true", "six6 false"}; !slices.Equal(log, want) {
		t.Errorf("called %q, want %q", log, want)
	}
	if err := errors.Join(four.Close(), six.Close()); err != nil {
		t.Error(err)
	}
	if _, err := add("both", proto.Options{}); err != nil {
		t.Error(err)
	}
	addsUp(t, n.B.Host)
}

func TestOptionsFilterPackets(t *testing.T) {
	n := prototest.Pair(t, nil)
	r := new(prototest.Recorder)
	n.B.RegisterWith(t, r, &proto.Options{Protocols: []uint8{253}, MinTTL: 255})
	send := func(ttl uint8) {
		b := n.A.Record(t, 253)
		defer b.Binding.Close()
		b.Binding.Do(func(env *proto.Env) {
			if err := env.Send(proto.Header{Dst: n.B.Addr4, TTL: ttl}, []byte{ttl}); err != nil {
				t.Error(err)
			}
		})
	}
	send(254)
	send(255)
	n.Run(t, time.Second)
	r.Want(t, "\xff")
	if s := addsUp(t, n.B.Host); s.Dropped[transport.Filtered] != 1 {
		t.Errorf("filtered %d, want 1", s.Dropped[transport.Filtered])
	}
}

func TestCallbacksComeInOrder(t *testing.T) {
	n := prototest.Pair(t, nil)
	var log []string
	note := func(f string, a ...any) { log = append(log, fmt.Sprintf(f, a...)) }
	s := &script{
		link:  func(_ *proto.Env, l *transport.Interface) error { note("link %s", l.Name); return nil },
		start: func(*proto.Env) error { note("start"); return nil },
		packet: func(_ *proto.Env, p *proto.Packet) error {
			note("packet %s", p.Payload())
			return nil
		},
		end:  func(*proto.Env) error { note("end"); return nil },
		sent: func(_ *proto.Env, s *proto.Sent) error { note("sent %d", s.Cookie); return nil },
		stop: func(env *proto.Env) {
			note("stop")
			if err := env.Send(proto.Header{Dst: n.A.Addr4}, []byte("bye")); err != nil {
				t.Error(err)
			}
		},
	}
	b := n.B.Register(t, 253, s)
	r := n.A.Record(t, 253)
	n.A.Send(t, 253, n.B.Addr4, []byte("1"))
	n.A.Send(t, 253, n.B.Addr4, []byte("2"))
	n.Run(t, time.Second)
	b.Do(func(env *proto.Env) {
		if err := env.Send(proto.Header{Dst: n.A.Addr4, Stamp: true, Cookie: 9}, []byte("hi")); err != nil {
			t.Error(err)
		}
	})
	n.Run(t, time.Second)
	for _, up := range []bool{false, true} {
		n.Link.SetUp(up)
		n.Run(t, time.Second) // or the host may be told of both at once
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	n.Run(t, time.Second)
	log = slices.DeleteFunc(log, func(s string) bool { return s == "link lo" })
	want := []string{"link eth0", "start", "packet 1", "packet 2", "end", "sent 9", "link eth0", "link eth0", "stop"}
	if got := strings.Join(log, ", "); got != strings.Join(want, ", ") {
		// Two packets may come in one batch or in two.
		want = slices.Insert(want, 3, "end")
		if got != strings.Join(want, ", ") {
			t.Errorf("callbacks: %s", got)
		}
	}
	r.Want(t, "hi", "bye")
}

func TestFailingStartUndoesTheRegistration(t *testing.T) {
	n := prototest.Pair(t, nil)
	no := errors.New("no")
	if _, err := n.B.Handle(253, &script{start: func(*proto.Env) error { return no }}); !errors.Is(err, no) {
		t.Fatalf("Handle: %v, want %v", err, no)
	}
	n.B.Register(t, 253, proto.HandlerFunc(echo)) // is free again
}

func TestAPanicIsContainedCountedAndReported(t *testing.T) {
	for _, batch := range []int{1, 64} {
		var reports []*proto.Panic
		cfg := &prototest.Config{Host: proto.Config{Batch: batch, OnPanic: func(p *proto.Panic) {
			c := *p
			c.Packet = slices.Clone(p.Packet)
			reports = append(reports, &c)
		}}}
		n := prototest.Pair(t, cfg)
		var seen []string
		b := n.B.Register(t, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
			seen = append(seen, string(p.Payload()))
			if string(p.Payload()) == "bad" {
				if _, err := env.Reserve(proto.Header{Dst: p.Src()}, 10); err != nil { // left open
					t.Error(err)
				}
				panic("boom")
			}
			return echo(env, p)
		}))
		r := n.A.Record(t, 253)
		for _, s := range []string{"a", "bad", "b", "bad", "bad", "c"} {
			n.A.Send(t, 253, n.B.Addr4, []byte(s))
		}
		n.Run(t, time.Second)
		if want := []string{"a", "bad", "b", "bad", "bad", "c"}; !slices.Equal(seen, want) {
			t.Errorf("batch %d: saw %q, want %q", batch, seen, want)
		}
		r.Want(t, "a", "b", "c")
		s := addsUp(t, n.B.Host)
		if s.Panics != 3 || s.Dropped[transport.HandlerPanic] != 3 || b.Stats().Taken != 3 {
			t.Errorf("batch %d: panics %d, dropped %d, taken %d; want 3 each", batch, s.Panics, s.Dropped[transport.HandlerPanic], b.Stats().Taken)
		}
		if len(reports) != 3 || string(reports[0].Packet[20:]) != "bad" || !strings.Contains(string(reports[0].Stack), "engine_test") {
			t.Errorf("batch %d: %d reports, want 3 with packet and stack", batch, len(reports))
		}
	}
}

func TestAPanicElsewhereIsContained(t *testing.T) {
	n := prototest.Pair(t, nil)
	boom := func() { panic("boom") }
	s := &script{
		end:  func(*proto.Env) error { boom(); return nil },
		sent: func(*proto.Env, *proto.Sent) error { boom(); return nil },
		stop: func(*proto.Env) { boom() },
	}
	b := n.B.Register(t, 253, s)
	n.B.RegisterWith(t, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { boom(); return nil }),
		&proto.Options{Protocols: []uint8{253}, Observe: true})
	n.A.Send(t, 253, n.B.Addr4, nil)
	n.Run(t, time.Second)
	b.Do(func(env *proto.Env) {
		env.After(0, func(*proto.Env) { boom() })
		if err := env.Send(proto.Header{Dst: n.A.Addr4, Stamp: true}, nil); err != nil {
			t.Error(err)
		}
	})
	b.Post(func(*proto.Env) { boom() })
	n.Run(t, time.Second)
	b.Close()
	s2 := addsUp(t, n.B.Host)
	if s2.Panics != 6 { // observer, EndBatch, timer, stamp, post, stop
		t.Errorf("%d panics, want 6", s2.Panics)
	}
	if s2.Taken != 1 {
		t.Errorf("the observer's panic kept the packet from its handler")
	}
}

func TestGoexitInAHandlerLeavesTheHostUsable(t *testing.T) {
	n := prototest.Pair(t, nil)
	exit := true
	n.B.Register(t, 253, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
		if exit {
			exit = false
			runtime.Goexit() // as a test's FailNow does
		}
		return echo(env, p)
	}))
	r := n.A.Record(t, 253)
	n.A.Send(t, 253, n.B.Addr4, []byte("x"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.B.Host.Poll(n.Sim.Now())
		n.Sim.Run(time.Second)
	}()
	<-done
	n.A.Send(t, 253, n.B.Addr4, []byte("y"))
	n.Run(t, time.Second)
	r.Want(t, "y")
}
