// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"fmt"
	"net/netip"

	"protean/proto/wire"
)

// The gate says why it refuses, so that drops can be counted by reason.
func ExampleParseIPv4() {
	var dropped [wire.NumMalformed]int
	packets := [][]byte{
		{0x45, 0, 0, 21, 0, 0, 0, 0, 64, 253, 0xf5, 0xe9, 192, 0, 2, 1, 192, 0, 2, 2, 'x'},
		{0x45, 0, 0, 21, 0, 0, 0, 0, 64, 253, 0xf5, 0xe8, 192, 0, 2, 1, 192, 0, 2, 2, 'x'},
		{0x45, 0, 0, 99},
	}
	for _, b := range packets {
		ip, bad := wire.ParseIPv4(b)
		if bad != wire.NotMalformed {
			dropped[bad]++
			continue
		}
		fmt.Printf("%v > %v, protocol %d: %s\n", ip.Src(), ip.Dst(), ip.Protocol(), ip.Payload())
	}
	for bad, n := range dropped {
		if n > 0 {
			fmt.Printf("%d %v\n", n, wire.Malformed(bad))
		}
	}
	// Output:
	// 192.0.2.1 > 192.0.2.2, protocol 253: x
	// 1 too short
	// 1 bad checksum
}

// A header is built in front of a payload that is already in the buffer.
func ExampleIPv4Fields() {
	payload := []byte("hello")
	f := wire.IPv4Fields{
		TTL: 64, Protocol: wire.ProtoExperimental1, DontFragment: true,
		Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2"),
		Options:    wire.AppendIPv4RouterAlert(nil, 0),
		PayloadLen: len(payload),
	}
	b := make([]byte, f.Len()+len(payload))
	copy(b[f.Len():], payload)
	if err := f.Marshal(b); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("% x\n", b[:f.Len()])
	// Output: 46 00 00 1d 00 00 40 00 40 fd 20 dc c0 00 02 01 c0 00 02 02 94 04 00 00
}

// Extension headers are given without next header and length fields, which
// follow from the chain.
func ExampleIPv6Fields() {
	f := wire.IPv6Fields{
		HopLimit: 64, Protocol: wire.ProtoExperimental1,
		Src: netip.MustParseAddr("fe80::1"), Dst: netip.MustParseAddr("ff02::1"),
		Ext: []wire.Ext{
			{Type: wire.ExtHopByHop, Data: wire.AppendIPv6RouterAlert(nil, 0)},
			{Type: wire.ExtDestination, Data: wire.AppendIPv6Option(nil, 0x1e, []byte("abc"))},
		},
	}
	b := make([]byte, f.Len())
	if err := f.Marshal(b); err != nil {
		fmt.Println(err)
		return
	}

	it := wire.IPv6(b).Extensions()
	for it.Next() {
		h := it.Header()
		fmt.Printf("type %d: % x\n", h.Type, h.Bytes)
	}
	fmt.Println("protocol", it.Protocol())
	// Output:
	// type 0: 3c 00 05 02 00 00 01 00
	// type 60: fd 00 1e 03 61 62 63 00
	// protocol 253
}

// WalkIPv6 finds the upper-layer protocol behind the extension headers.
func ExampleWalkIPv6() {
	b := make([]byte, wire.IPv6HeaderLen, 100)
	b[0] = 6 << 4
	b = append(b, wire.ProtoUDP, 0, 0, 1, 0, 0, 0, 9) // the first fragment of a datagram
	ip := wire.IPv6(b)
	ip.SetNextHeader(wire.ExtFragment)
	ip.SetPayloadLen(8)

	var c wire.Chain
	if bad := wire.WalkIPv6(b, &c); bad != wire.NotMalformed {
		fmt.Println(bad)
		return
	}
	fmt.Printf("protocol %d behind %d bytes, fragment header at %d, more to come: %v\n",
		c.Protocol, c.HeaderLen, c.Fragment, c.More)
	// Output: protocol 17 behind 48 bytes, fragment header at 40, more to come: true
}

// An echo request is turned into its reply in place.
func ExampleICMPv4() {
	request := wire.ICMPEcho{ID: 1, Seq: 2, Data: []byte("ping")}
	b := make([]byte, request.Len())
	if err := request.MarshalV4(b); err != nil {
		fmt.Println(err)
		return
	}

	m, bad := wire.ParseICMPv4(b)
	if bad != wire.NotMalformed || m.Type() != wire.ICMPv4Echo {
		return
	}
	m.SetType(wire.ICMPv4EchoReply)
	m.FillChecksum()
	fmt.Printf("id %d seq %d %s\n", m.ID(), m.Seq(), m.Body())
	// Output: id 1 seq 2 ping
}
