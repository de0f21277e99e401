// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package vrrp_test

import (
	"context"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"protean/docs/examples/vrrp"
	"protean/proto"
	"protean/transport/netlab"
	"protean/transport/rawip"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

// The same speakers between three kernels, over raw sockets.
func TestElectionBetweenKernels(t *testing.T) {
	for _, virtual := range []string{"10.77.1.100", "fe80::100"} {
		t.Run(virtual, func(t *testing.T) {
			lab := netlab.Test(t, netlab.Star(3))
			var active [3]atomic.Bool
			var stop [3]func()
			for i, name := range []string{"h1", "h2", "h3"} {
				s := &vrrp.Speaker{
					ID: 7, Priority: uint8(100 + 50*i), Interval: 50 * time.Millisecond, Interface: "eth0",
					Virtual: netip.MustParseAddr(virtual), Elected: active[i].Store,
				}
				stop[i] = speak(t, lab.Node(name), s)
			}
			want := func(what string, who int) {
				t.Helper()
				for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
					ok := true
					for i := range active {
						ok = ok && active[i].Load() == (i == who)
					}
					if ok {
						return
					}
					if time.Now().After(end) {
						t.Fatalf("%s: active are %v, %v, %v", what, active[0].Load(), active[1].Load(), active[2].Load())
					}
				}
			}
			want("at first", 2)
			stop[2]()
			active[2].Store(false)
			want("without the third", 1)
		})
	}
}

// speak runs a speaker in a node until stop is called, or the test ends.
func speak(t *testing.T, n *netlab.Node, s *vrrp.Speaker) (stop func()) {
	tr, err := rawip.Open(&rawip.Config{NetNS: n.NetNS()})
	check(t, err)
	h, err := proto.NewHost(tr, nil)
	check(t, err)
	b, err := h.HandleWith(s, vrrp.Options())
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- h.Run(ctx) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		check(t, b.Close()) // with a goodbye
		cancel()
		check(t, <-done)
		check(t, tr.Close())
	}
	t.Cleanup(stop)
	return stop
}
