// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"testing"
	"time"

	"protean/proto/prototest"
)

// BenchmarkRoundTrip is a request and its answer over a link in memory: all
// the work of a Pinger, a Responder, two hosts and the network.
func BenchmarkRoundTrip(b *testing.B) {
	for _, v6 := range []bool{false, true} {
		b.Run(map[bool]string{false: "IPv4", true: "IPv6"}[v6], func(b *testing.B) {
			n := prototest.Pair(b, nil)
			respond(b, n, ResponderConfig{})
			p := &Pinger{Config: Config{Dst: addr(n.B, v6), Interval: time.Microsecond, Size: 56}}
			n.A.Register(b, p.Protocol(), p)
			n.Run(b, time.Millisecond)
			b.ReportAllocs()
			b.ResetTimer()
			n.Run(b, time.Duration(b.N)*time.Microsecond)
			b.StopTimer()
			if s := p.Stats(); s.Received < uint64(b.N) {
				b.Fatalf("%+v", s)
			}
		})
	}
}
