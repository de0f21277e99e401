// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import (
	"strings"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
)

// fails returns what a test prints that fails, "" if it does not.
func fails(t *testing.T, f prototest.Scenario) string {
	t.Helper()
	e := (&prototest.Search{Seeds: 1}).Find(t, f)
	if e == nil {
		return ""
	}
	return e.Log
}

func TestExpectationsThatAreNotMetSayWhatCame(t *testing.T) {
	for want, expect := range map[string]func(tb testing.TB, n *prototest.Net, r *prototest.Recorder){
		`a: got "Ping" from 10.0.0.2 to 10.0.0.1, TTL 64, at 1ms, want payload "Pong"`: func(tb testing.TB, _ *prototest.Net, r *prototest.Recorder) {
			r.Next(tb, time.Second, prototest.Payload("Pong"))
		},
		`a: no packet within 1s, want one with TTL 64`: func(tb testing.TB, _ *prototest.Net, r *prototest.Recorder) {
			r.Next(tb, time.Second)
			r.Next(tb, time.Second, prototest.TTL(64))
		},
		`a: 1 packets within 1s, want "Pong" next`: func(tb testing.TB, _ *prototest.Net, r *prototest.Recorder) {
			r.InOrder(tb, time.Second, "Ping", "Pong")
		},
		`want nothing for 1s`: func(tb testing.TB, _ *prototest.Net, r *prototest.Recorder) {
			r.Nothing(tb, time.Second)
		},
	} {
		log := fails(t, func(tb testing.TB, cfg *prototest.Config) {
			cfg.Link.Delay = time.Millisecond
			n := prototest.Pair(tb, cfg)
			r := n.A.Record(tb, 253)
			n.B.Send(tb, 253, n.A.Addr4, []byte("Ping"))
			expect(tb, n, r)
		})
		if !strings.Contains(log, want) {
			t.Errorf("got %q, want %q", log, want)
		}
	}
}

// Nothing comes from a host that has come to an end, and no time passes.
func TestAnExpectationSaysWhyTimeDoesNotPass(t *testing.T) {
	for name, expect := range map[string]func(tb testing.TB, r *prototest.Recorder){
		"Next":    func(tb testing.TB, r *prototest.Recorder) { r.Next(tb, time.Second) },
		"InOrder": func(tb testing.TB, r *prototest.Recorder) { r.InOrder(tb, time.Second, "Pong") },
		"Nothing": func(tb testing.TB, r *prototest.Recorder) { r.Nothing(tb, time.Second) },
	} {
		log := fails(t, func(tb testing.TB, cfg *prototest.Config) {
			cfg.Host.CrashOnPanic = true
			n := prototest.Pair(tb, cfg)
			n.B.Register(tb, 253, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { panic("a bug") }))
			r := n.A.Record(tb, 253)
			n.A.Send(tb, 253, n.B.Addr4, []byte("Ping"))
			expect(tb, r)
		})
		if !strings.Contains(log, "a bug") {
			t.Errorf("%s: %q", name, log)
		}
	}
}

func TestAPanicOfAHandlerIsShownByATestThatFails(t *testing.T) {
	log := fails(t, func(tb testing.TB, cfg *prototest.Config) {
		n := prototest.Pair(tb, cfg)
		n.B.Register(tb, 253, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { panic("a bug") }))
		r := n.A.Record(tb, 253)
		n.A.Send(tb, 253, n.B.Addr4, []byte("Ping"))
		r.Next(tb, time.Second)
	})
	if !strings.Contains(log, "a handler of host b panicked: a bug") || !strings.Contains(log, "no packet within 1s") {
		t.Errorf("%q", log)
	}
}

// The context of a scenario in a bubble lets time pass, and ends with it.
func TestAScenarioInABubbleHasAContextOfItsOwn(t *testing.T) {
	ended := false
	e := (&prototest.Search{Seeds: 1, Bubble: true}).Find(t, func(tb testing.TB, _ *prototest.Config) {
		ctx := tb.Context()
		tb.Cleanup(func() { ended = ctx.Err() != nil })
		select {
		case <-ctx.Done():
			tb.Error(ctx.Err())
		case <-time.After(time.Hour):
		}
	})
	if e != nil || !ended {
		t.Errorf("ended: %t, %v", ended, e)
	}
}
