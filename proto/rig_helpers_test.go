// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/transport"
)

// rigPeer is a neighbour of the rig's host.
var rigPeer = netip.MustParseAddr("10.0.0.1")

// in is a packet from rigPeer to the rig's host.
func in(protocol uint8) []byte { return frame(protocol, "10.0.0.1", "10.0.0.2", "x") }

func frame(protocol uint8, src, dst, payload string) []byte {
	s, d := netip.MustParseAddr(src), netip.MustParseAddr(dst)
	if s.Is6() {
		f := append([]byte{0x60, 0, 0, 0, 0, 0, protocol, 64}, s.AsSlice()...)
		binary.BigEndian.PutUint16(f[4:], uint16(len(payload)))
		return append(append(f, d.AsSlice()...), payload...)
	}
	f := append([]byte{0x45, 0, 0, byte(20 + len(payload)), 0, 1, 0, 0, 64, protocol, 0, 0}, s.AsSlice()...)
	f = append(f, d.AsSlice()...)
	binary.BigEndian.PutUint16(f[10:], checksum.Checksum(f))
	return append(f, payload...)
}

func rigHost(tb testing.TB, t transport.Transport, cfg *proto.Config) *proto.Host {
	tb.Helper()
	h, err := proto.NewHost(t, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

// handle is Host.Handle with failure ending the test; the binding is closed
// with the test.
func handle(tb testing.TB, h *proto.Host, protocol uint8, hd proto.Handler) *proto.Binding {
	tb.Helper()
	b, err := h.Handle(protocol, hd)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return b
}

// runHost has Run drive h until the test ends, or until stop is called.
func runHost(tb testing.TB, h *proto.Host) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := h.Run(ctx); err != nil {
			tb.Errorf("Host.Run: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	tb.Cleanup(stop)
	return stop
}

// within waits for c, and fails the test if nothing comes. The time is a bound
// for what would otherwise be for ever; in a bubble it is virtual.
func within[T any](tb testing.TB, c <-chan T, what string) (v T) {
	tb.Helper()
	select {
	case v = <-c:
	case <-time.After(30 * time.Second):
		tb.Fatal(what)
	}
	return v
}

// started runs f on a goroutine of its own and returns a channel for its
// result.
func started[T any](f func() T) <-chan T {
	c := make(chan T, 1)
	go func() { c <- f() }()
	return c
}

// waiting reports whether nothing has come yet.
func waiting[T any](c <-chan T) bool { return len(c) == 0 }

// poll is Host.Poll with failure ending the test.
func poll(tb testing.TB, h *proto.Host, now time.Time) (next time.Time) {
	tb.Helper()
	next, err := h.Poll(now)
	if err != nil {
		tb.Fatal(err)
	}
	return next
}

// do is Binding.Do with failure ending the test.
func do(tb testing.TB, b *proto.Binding, f func(*proto.Env)) {
	tb.Helper()
	if err := b.Do(f); err != nil {
		tb.Fatal(err)
	}
}

// taking is a handler that takes every packet.
func taking(*proto.Env, *proto.Packet) error { return nil }
