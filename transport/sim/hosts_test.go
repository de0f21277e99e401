// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	protean "protean/proto"
	"protean/transport/sim"
)

// A ticker is a handler that counts seconds, and sends its neighbour a packet
// at each if it has one.
type ticker struct {
	every time.Duration
	to    netip.Addr
	heard int
	ticks int
	timer *protean.Timer
}

func (k *ticker) HandlePacket(*protean.Env, *protean.Packet) error { k.heard++; return nil }

func (k *ticker) Start(env *protean.Env) error {
	k.timer = env.NewTimer(func(env *protean.Env) {
		k.ticks++
		if k.to.IsValid() {
			env.Send(protean.Header{Dst: k.to}, []byte("tick")) // heard, or not
		}
		k.timer.Reset(k.every)
	})
	k.timer.Reset(k.every)
	return nil
}

func nodeAddr(i int) netip.Addr { i++; return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }

// tickers makes nodes on one switch, each with a host and a ticker.
func tickers(tb testing.TB, nodes int, every time.Duration) (*sim.Network, []*ticker) {
	n := sim.New(nil)
	sw, err := n.Switch("sw")
	check(tb, err)
	all := make([]*ticker, nodes)
	for i := range nodes {
		nd := mustNode(tb)(n.Node(fmt.Sprintf("n%d", i)))
		p := mustPort(tb)(nd.AddInterface("eth0", netip.PrefixFrom(nodeAddr(i), 16)))
		_, err := sw.Connect(p, &sim.LinkConfig{Delay: time.Millisecond})
		check(tb, err)
		tr, err := nd.Open(nil)
		check(tb, err)
		h, err := protean.NewHost(tr, nil)
		check(tb, err)
		all[i] = &ticker{every: every}
		_, err = h.Handle(proto, all[i])
		check(tb, err)
		check(tb, n.Attach(tr, h))
	}
	return n, all
}

// Nodes with a host and a handler each; a package that is all in memory should
// not need much of it.
func TestFiveThousandHostsFitIn200MiB(t *testing.T) {
	const nodes = 5000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n, all := tickers(t, nodes, time.Second)
	defer n.Close()
	for i, k := range all {
		k.to = nodeAddr((i + 1) % nodes)
	}
	check(t, n.Run(3*time.Second+time.Millisecond*10))
	runtime.GC()
	runtime.ReadMemStats(&after)
	for i, k := range all {
		if k.ticks != 3 || k.heard != 3 {
			t.Fatalf("host %d: %d ticks, heard %d", i, k.ticks, k.heard)
		}
	}
	mib := float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)) / (1 << 20)
	t.Logf("%.1f MiB, %.0f bytes for each of %d", mib, mib*(1<<20)/nodes, nodes)
	if mib > 200 {
		t.Errorf("%.1f MiB", mib)
	}
}

// BenchmarkIdleHourOfHosts is an hour in which 100 hosts have a timer every
// second, and one in which they have one every 30 seconds, as routing protocols
// do.
func BenchmarkIdleHourOfHosts(b *testing.B) {
	for _, every := range []time.Duration{time.Second, 30 * time.Second} {
		b.Run(every.String(), func(b *testing.B) {
			n, _ := tickers(b, 100, every)
			defer n.Close()
			b.ReportAllocs()
			for b.Loop() {
				check(b, n.Run(time.Hour))
			}
		})
	}
}
