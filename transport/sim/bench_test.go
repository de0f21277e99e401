// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

// BenchmarkSteppedPingPong is one delivery: validated, received, answered.
func BenchmarkSteppedPingPong(b *testing.B) {
	for _, size := range []int{60, 1500} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			p := newPair(b, nil, &sim.LinkConfig{Delay: time.Millisecond})
			attach(b, p.n, p.tb, nil)
			x := attach(b, p.n, p.ta, ip4(addrA, addrB, size))
			run(b, p, x, 1000)
			b.ReportAllocs()
			b.ResetTimer()
			run(b, p, x, (b.N+1)/2)
		})
	}
}

// BenchmarkSteppedWindow has 64 packets in flight instead of one, and faults.
func BenchmarkSteppedWindow(b *testing.B) {
	for name, lc := range map[string]*sim.LinkConfig{
		"clean":  {Delay: time.Millisecond},
		"faulty": {Delay: time.Millisecond, Jitter: time.Millisecond, Reorder: 0.1, Rate: 10e9},
	} {
		b.Run(name, func(b *testing.B) {
			p := newPair(b, nil, lc)
			attach(b, p.n, p.tb, nil)
			x := attach(b, p.n, p.ta, nil)
			for range 64 {
				check(b, send(b, p.ta, ip4(addrA, addrB, 60)))
			}
			run(b, p, x, 1000)
			b.ReportAllocs()
			b.ResetTimer()
			run(b, p, x, (b.N+1)/2)
		})
	}
}

// BenchmarkSteppedForward is one hop of packets that go through ten routers.
func BenchmarkSteppedForward(b *testing.B) {
	for _, v6 := range []bool{false, true} {
		b.Run(map[bool]string{false: "IPv4", true: "IPv6"}[v6], func(b *testing.B) {
			const routers = 10
			c := newChain(b, nil, nil, routers, nil)
			data := ip4(c.src4(), c.dst4(), 60)
			if v6 {
				data = ip6(c.src6(), c.dst6(), 60)
			}
			var batch transport.Batch
			var seen counter
			q, p := c.ta.Queues()[0], c.tb.Queues()[0]
			b.ReportAllocs()
			for i := 0; i < b.N; i += 32 * (routers + 1) {
				check(b, q.Reserve(&batch, 32))
				for k := range batch.Slots {
					batch.Slots[k].Data = append(batch.Slots[k].Data, data...)
				}
				_, err := q.Commit(&batch, 32)
				check(b, err)
				check(b, c.n.Run(20*time.Millisecond))
				_, err = p.Recv(&seen, 64)
				check(b, err)
			}
			if seen.packets == 0 {
				b.Error("nothing arrived")
			}
		})
	}
}

func run(b testing.TB, p *pair, x *answerer, n int) {
	n += x.seen
	check(b, p.n.RunUntil(func() bool { return x.seen >= n }, 1e6*time.Hour))
}

// BenchmarkSteppedRing has 5000 nodes, each linked to the next, and a packet
// going to and fro on every link.
func BenchmarkSteppedRing(b *testing.B) {
	const nodes = 5000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := sim.New(nil)
	defer n.Close()
	addr := func(link, side int) netip.Addr {
		return netip.AddrFrom4([4]byte{10, byte(link >> 8), byte(link), byte(side)})
	}
	all := make([]*answerer, nodes)
	left, right := make([]*sim.Port, nodes), make([]*sim.Port, nodes)
	for i := range nodes {
		nd := mustNode(b)(n.Node(fmt.Sprintf("n%d", i)))
		right[i] = mustPort(b)(nd.AddInterface("right", netip.PrefixFrom(addr(i, 1), 24)))
		left[i] = mustPort(b)(nd.AddInterface("left", netip.PrefixFrom(addr((i+nodes-1)%nodes, 2), 24)))
		all[i] = attach(b, n, open(b, nd, nil), ip4(addr(i, 1), addr(i, 2), 60))
	}
	for i := range nodes {
		_, err := n.Connect(right[i], left[(i+1)%nodes], &sim.LinkConfig{Delay: time.Millisecond, Jitter: time.Millisecond})
		check(b, err)
	}
	check(b, n.Run(10*time.Millisecond))
	runtime.GC()
	runtime.ReadMemStats(&after)
	count := func() (seen int) {
		for _, x := range all {
			seen += x.seen
		}
		return seen
	}
	b.ReportAllocs()
	first := count()
	for b.Loop() {
		check(b, n.Run(time.Millisecond))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(count()-first), "ns/delivery")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/nodes, "B/node")
}

// BenchmarkIdleHour is an hour in which 100 nodes have a timer every second.
func BenchmarkIdleHour(b *testing.B) {
	n := sim.New(nil)
	defer n.Close()
	for i := range 100 {
		h := open(b, mustNode(b)(n.Node(fmt.Sprintf("n%d", i))), nil)
		check(b, n.Attach(h, stepFunc(func(now time.Time) (time.Time, error) { return now.Add(time.Second), nil })))
	}
	b.ReportAllocs()
	for b.Loop() {
		check(b, n.Run(time.Hour))
	}
}

// BenchmarkLive is one packet from one goroutine to itself over a live link.
func BenchmarkLive(b *testing.B) {
	p := newPair(b, &sim.Config{Live: true}, nil)
	qa, qb := p.ta.Queues()[0], p.tb.Queues()[0]
	data := ip4(addrA, addrB, 60)
	var batch transport.Batch
	var seen counter
	b.ReportAllocs()
	for b.Loop() {
		err := qa.Reserve(&batch, 1)
		batch.Slots[0].Data = append(batch.Slots[0].Data, data...)
		if err == nil {
			_, err = qa.Commit(&batch, 1)
		}
		if err == nil {
			_, err = qb.Recv(&seen, 1)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
