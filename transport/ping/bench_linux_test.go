// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/netlab"
)

// A tally counts what is delivered.
type tally int

func (n *tally) Deliver(*transport.Packet) { *n++ }
func (n *tally) Event(*transport.Event)    {}

// BenchmarkEcho has a host ping itself over the loopback interface, 64 requests
// of 64 bytes at a time, which the kernel answers before Commit returns.
func BenchmarkEcho(b *testing.B) {
	const batch = 64
	n := netlab.Test(b, netlab.Pair()).Node("a")
	if err := n.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
		b.Fatal(err)
	}
	for _, at := range []netip.Addr{n.Addr4(), n.Addr6()} {
		b.Run(fmt.Sprintf("v6=%v", at.Is6()), func(b *testing.B) {
			tr, err := Open(&Config{NetNS: n.NetNS(), RcvBuf: 1 << 18})
			if err != nil {
				b.Fatal(err)
			}
			defer tr.Close()
			for _, p := range []int{1, 58} {
				if err := tr.Bind(p); err != nil {
					b.Fatal(err)
				}
			}
			q := tr.Queues()[0]
			p := request(at, at, 7, nil, make([]byte, 56))
			slots := transport.Batch{Slots: make([]transport.Slot, 0, batch)}
			var got tally
			round := func() {
				if err := q.Reserve(&slots, batch); err != nil {
					b.Fatal(err)
				}
				for i := range slots.Slots {
					slots.Slots[i].Data = append(slots.Slots[i].Data, p...)
				}
				if sent, err := q.Commit(&slots, batch); sent != batch || err != nil {
					b.Fatal(sent, err)
				}
				for got = 0; got < batch; {
					if _, err := q.Recv(&got, batch); err != nil {
						b.Fatal(err)
					}
					if got < batch {
						if err := q.Wait(time.Now().Add(time.Second)); err != nil {
							b.Fatal(err)
						}
					}
				}
			}
			round()
			b.ReportAllocs()
			for b.Loop() {
				round()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/echo")
		})
	}
}
