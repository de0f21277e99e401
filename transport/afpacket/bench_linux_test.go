// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

// cpuTime is the process's, in nanoseconds: on a veth pair it has in it what the
// kernel does for the receiver.
func cpuTime() int64 {
	var r unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &r)
	return r.Utime.Nano() + r.Stime.Nano()
}

// BenchmarkSend sends batches of 64 packets to a host that drops them early.
func BenchmarkSend(b *testing.B) {
	lab := netlab.Test(b, netlab.Pair())
	from, to := lab.Node("a"), lab.Node("b")
	for _, size := range []int{46, 1480} {
		p := between(from, to, false, make([]byte, size-20))
		for _, c := range []struct {
			name string
			cfg  Config
		}{
			{"sendmmsg", Config{}}, {"cooked", Config{Cooked: true}}, {"ring", Config{TxRing: true}}, {"bypass", Config{QdiscBypass: true}},
		} {
			b.Run(c.name+" "+map[int]string{46: "60", 1480: "1494"}[size]+" bytes", func(b *testing.B) {
				open(b, to, Config{V4: true, Ring: None, RcvBuf: 2304}, 253) // keeps the kernel silent, and is full at once
				cfg := c.cfg
				cfg.V4, cfg.Ring = true, None
				tr := open(b, from, cfg)
				mustSend(b, tr, p)
				q := tr.Queues()[0]
				var batch transport.Batch
				start := cpuTime()
				for i := 0; i < b.N; {
					for len(batch.Slots) < 64 && q.Reserve(&batch, 64-len(batch.Slots)) == nil {
					}
					for k := range batch.Slots {
						batch.Slots[k].Data = append(batch.Slots[k].Data[:0], p...)
					}
					n, err := q.Commit(&batch, len(batch.Slots))
					if err != nil && !errors.Is(err, transport.ErrNoSlots) {
						b.Fatal(err)
					}
					i += n
				}
				b.ReportMetric(float64(cpuTime()-start)/float64(b.N), "cpu-ns/packet")
			})
		}
	}
}

// BenchmarkSendBesideNeighboursAskedFor sends to a host that answers while packets wait
// for others that do not, for less than the three seconds until they are given up.
func BenchmarkSendBesideNeighboursAskedFor(b *testing.B) {
	for _, dead := range []int{0, 200} {
		b.Run(strconv.Itoa(dead), func(b *testing.B) {
			lab := netlab.Test(b, netlab.Pair())
			from, to := lab.Node("a"), lab.Node("b")
			open(b, to, Config{V4: true, Ring: None, RcvBuf: 2304}, 253)
			tr := open(b, from, Config{V4: true, Ring: None})
			p := between(from, to, false, make([]byte, 26))
			mustSend(b, tr, p)
			for end := time.Now().Add(10 * time.Second); tr.Stats().Sent == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					b.Fatal("the neighbour does not answer")
				}
			}
			for addr := netip.MustParseAddr("10.77.1.50"); dead > 0; dead-- {
				mustSend(b, tr, packet(from.Addr4(), addr, nil))
				addr = addr.Next()
			}
			for b.Loop() {
				mustSend(b, tr, p)
			}
		})
	}
}
