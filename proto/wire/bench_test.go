// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"testing"

	"protean/proto/wire"
)

func BenchmarkParseIPv4(b *testing.B) {
	packet := unhex(b, goldenIPv4)
	for b.Loop() {
		if _, bad := wire.ParseIPv4(packet); bad != wire.NotMalformed {
			b.Fatal(bad)
		}
	}
}

func BenchmarkParseIPv6(b *testing.B) {
	packet := unhex(b, goldenIPv6)
	var c wire.Chain
	for b.Loop() {
		ip, bad := wire.ParseIPv6(packet)
		if bad != wire.NotMalformed || wire.WalkIPv6(ip, &c) != wire.NotMalformed {
			b.Fatal(bad)
		}
	}
}

func BenchmarkWalkIPv6(b *testing.B) {
	packet := chain(b, 0, `
		2b 00 01 04 00 00 00 00   // hop-by-hop
		3c 00 00 00 00 00 00 00   // routing
		fd 00 01 04 00 00 00 00   // destination options`)
	var c wire.Chain
	for b.Loop() {
		if bad := wire.WalkIPv6(packet, &c); bad != wire.NotMalformed {
			b.Fatal(bad)
		}
	}
}

func BenchmarkMarshalIPv4(b *testing.B) {
	f := wire.IPv4Fields{TTL: 64, Protocol: 253, Src: addr("192.0.2.1"), Dst: addr("192.0.2.2"), PayloadLen: 100}
	buf := make([]byte, 20)
	for b.Loop() {
		if err := f.Marshal(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshalIPv6(b *testing.B) {
	f := wire.IPv6Fields{HopLimit: 64, Protocol: 253, Src: addr("2001:db8::1"), Dst: addr("2001:db8::2"), PayloadLen: 100}
	buf := make([]byte, 40)
	for b.Loop() {
		if err := f.Marshal(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIPv4Options(b *testing.B) {
	options := wire.AppendIPv4RecordRoute(wire.AppendIPv4RouterAlert(nil, 0), 8)
	for b.Loop() {
		it := wire.NewIPv4OptionIterator(options)
		for it.Next() {
		}
	}
}

func BenchmarkICMPEcho(b *testing.B) {
	e := wire.ICMPEcho{ID: 1, Seq: 2, Data: make([]byte, 56)}
	buf := make([]byte, e.Len())
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if err := e.MarshalV4(buf); err != nil {
			b.Fatal(err)
		}
		if _, bad := wire.ParseICMPv4(buf); bad != wire.NotMalformed {
			b.Fatal(bad)
		}
	}
}
