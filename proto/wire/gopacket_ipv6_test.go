// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"protean/proto/wire"
)

func TestGopacketReadsOurIPv6Chain(t *testing.T) {
	seeded(t, func(t *testing.T, r *rand.Rand) {
		hopData, dstData := randomBytes(r, r.IntN(40)), randomBytes(r, r.IntN(300))
		dstData = dstData[:min(len(dstData), 255)]
		segments := randomBytes(r, 6+16*(1+r.IntN(3)))
		segments[0] = 0 // routing type 0, the one gopacket reads
		frag := randomBytes(r, 6)
		binary.BigEndian.PutUint16(frag, 0) // atomic: the walk goes on
		u := wire.UDPFields{SrcPort: uint16(r.Uint32()), DstPort: uint16(r.Uint32()), Payload: randomBytes(r, 1+r.IntN(50))}
		f := wire.IPv6Fields{
			TrafficClass: uint8(r.Uint32()), FlowLabel: r.Uint32() & 0xfffff, HopLimit: uint8(r.Uint32()),
			Protocol: wire.ProtoUDP, Src: randomAddr(r, 16), Dst: randomAddr(r, 16), PayloadLen: u.Len(),
			Ext: []wire.Ext{
				{Type: wire.ExtHopByHop, Data: wire.AppendIPv6Option(nil, 0x1e, hopData)},
				{Type: wire.ExtRouting, Data: segments},
				{Type: wire.ExtDestination, Data: wire.AppendIPv6Option(nil, 0x3e, dstData)},
				{Type: wire.ExtFragment, Data: frag},
			},
		}
		b := make([]byte, f.Len()+u.Len())
		if err := f.Marshal(b); err != nil {
			t.Fatal(err)
		}
		if err := u.Marshal(b[f.Len():], f.Src, f.Dst); err != nil {
			t.Fatal(err)
		}

		p := gopacket.NewPacket(b, layers.LayerTypeIPv6, gopacket.Default)
		ip := p.Layer(layers.LayerTypeIPv6).(*layers.IPv6)
		check(t, "TrafficClass", ip.TrafficClass, f.TrafficClass)
		check(t, "FlowLabel", ip.FlowLabel, f.FlowLabel)
		check(t, "Length", int(ip.Length), len(b)-40)
		check(t, "HopLimit", ip.HopLimit, f.HopLimit)
		checkBytes(t, "SrcIP", ip.SrcIP, f.Src.AsSlice())
		checkBytes(t, "DstIP", ip.DstIP, f.Dst.AsSlice())

		hop := p.Layer(layers.LayerTypeIPv6HopByHop).(*layers.IPv6HopByHop)
		check(t, "hop-by-hop option", hop.Options[0].OptionType, 0x1e)
		checkBytes(t, "hop-by-hop option data", hop.Options[0].OptionData, hopData)
		routing := p.Layer(layers.LayerTypeIPv6Routing).(*layers.IPv6Routing)
		check(t, "routing addresses", len(routing.SourceRoutingIPs), len(segments)/16)
		checkBytes(t, "first routing address", routing.SourceRoutingIPs[0], segments[6:22])
		dst := p.Layer(layers.LayerTypeIPv6Destination).(*layers.IPv6Destination)
		checkBytes(t, "destination option data", dst.Options[0].OptionData, dstData)
		fragment := p.Layer(layers.LayerTypeIPv6Fragment).(*layers.IPv6Fragment)
		check(t, "Identification", fragment.Identification, binary.BigEndian.Uint32(frag[2:]))
		check(t, "NextHeader", uint8(fragment.NextHeader), wire.ProtoUDP)

		var c wire.Chain
		check(t, "WalkIPv6", wire.WalkIPv6(b, &c), wire.NotMalformed)
		check(t, "Chain", c, wire.Chain{Protocol: wire.ProtoUDP, HeaderLen: f.Len()})

		// The UDP checksum over IPv6 by the other side.
		g := layers.UDP{SrcPort: layers.UDPPort(u.SrcPort), DstPort: layers.UDPPort(u.DstPort)}
		if err := g.SetNetworkLayerForChecksum(ip); err != nil {
			t.Fatal(err)
		}
		checkUDP(t, serialize(t, &g, gopacket.Payload(u.Payload)), b[f.Len():])
	})
}

// checkUDP compares datagrams; gopacket sends a checksum of zero as it is.
func checkUDP(t *testing.T, theirs, ours []byte) {
	t.Helper()
	if wire.UDP(theirs).Checksum() == 0 {
		wire.UDP(theirs).SetChecksum(0xffff)
	}
	checkBytes(t, "UDP", ours, theirs)
}

func TestWeReadGopacketsIPv6(t *testing.T) {
	seeded(t, func(t *testing.T, r *rand.Rand) {
		g := layers.IPv6{
			Version: 6, TrafficClass: uint8(r.Uint32()), FlowLabel: r.Uint32() & 0xfffff,
			NextHeader: layers.IPProtocolIPv6Destination, HopLimit: uint8(r.Uint32()),
			SrcIP: randomBytes(r, 16), DstIP: randomBytes(r, 16),
		}
		data := randomBytes(r, r.IntN(25)*4) // gopacket pads other lengths wrongly
		var dst layers.IPv6Destination
		dst.NextHeader = 253
		dst.Options = []*layers.IPv6DestinationOption{{OptionType: 0x1e, OptionData: data}}
		payload := randomBytes(r, r.IntN(100))
		b := serialize(t, &g, &dst, gopacket.Payload(payload))

		ip, bad := wire.ParseIPv6(append(b, 1, 2, 3))
		if bad != wire.NotMalformed {
			t.Fatal(bad)
		}
		check(t, "TrafficClass", ip.TrafficClass(), g.TrafficClass)
		check(t, "FlowLabel", ip.FlowLabel(), g.FlowLabel)
		check(t, "PayloadLen", ip.PayloadLen(), len(b)-40)
		check(t, "NextHeader", ip.NextHeader(), wire.ExtDestination)
		check(t, "HopLimit", ip.HopLimit(), g.HopLimit)
		checkBytes(t, "Src", ip.Src().AsSlice(), g.SrcIP)
		checkBytes(t, "Dst", ip.Dst().AsSlice(), g.DstIP)
		var c wire.Chain
		check(t, "WalkIPv6", wire.WalkIPv6(ip, &c), wire.NotMalformed)
		check(t, "Protocol", c.Protocol, wire.ProtoExperimental1)
		checkBytes(t, "payload", ip[c.HeaderLen:], payload)
		it := ip.Extensions()
		if !it.Next() {
			t.Fatal(it.Err())
		}
		options := it.Header().Options()
		for options.Next() && options.Option().Type <= wire.IPv6OptPadN {
		}
		check(t, "option", options.Option().Type, 0x1e)
		checkBytes(t, "option data", options.Option().Data, data)
	})
}

func TestGopacketAgreesOnICMPAndUDP(t *testing.T) {
	seeded(t, func(t *testing.T, r *rand.Rand) {
		e := wire.ICMPEcho{Reply: r.IntN(2) == 0, ID: uint16(r.Uint32()), Seq: uint16(r.Uint32()), Data: randomBytes(r, r.IntN(100))}
		b := make([]byte, e.Len())

		if err := e.MarshalV4(b); err != nil {
			t.Fatal(err)
		}
		var v4 layers.ICMPv4
		decode(t, &v4, b)
		check(t, "v4 reply", v4.TypeCode.Type() == layers.ICMPv4TypeEchoReply, e.Reply)
		check(t, "v4 Id", v4.Id, e.ID)
		check(t, "v4 Seq", v4.Seq, e.Seq)
		checkBytes(t, "v4 payload", v4.Payload, e.Data)
		checkBytes(t, "v4 serialised again", serialize(t, &v4, gopacket.Payload(e.Data)), b)

		ip6 := layers.IPv6{Version: 6, NextHeader: layers.IPProtocolICMPv6, SrcIP: randomBytes(r, 16), DstIP: randomBytes(r, 16)}
		src, dst := wire.IPv6(serialize(t, &ip6)).Src(), wire.IPv6(serialize(t, &ip6)).Dst()
		if err := e.MarshalV6(b, src, dst); err != nil {
			t.Fatal(err)
		}
		var v6 layers.ICMPv6
		decode(t, &v6, b)
		check(t, "v6 reply", v6.TypeCode.Type() == layers.ICMPv6TypeEchoReply, e.Reply)
		var echo layers.ICMPv6Echo
		decode(t, &echo, v6.Payload)
		check(t, "v6 Identifier", echo.Identifier, e.ID)
		check(t, "v6 SeqNumber", echo.SeqNumber, e.Seq)
		if err := v6.SetNetworkLayerForChecksum(&ip6); err != nil {
			t.Fatal(err)
		}
		theirs := serialize(t, &v6, &echo, gopacket.Payload(e.Data))
		checkBytes(t, "v6 serialised again", theirs, b)
		_, bad := wire.ParseICMPv6(theirs, src, dst)
		check(t, "ParseICMPv6", bad, wire.NotMalformed)

		u := wire.UDPFields{SrcPort: uint16(r.Uint32()), DstPort: uint16(r.Uint32()), Payload: randomBytes(r, r.IntN(50))}
		ip4 := layers.IPv4{SrcIP: randomBytes(r, 4), DstIP: randomBytes(r, 4), Protocol: layers.IPProtocolUDP}
		g := layers.UDP{SrcPort: layers.UDPPort(u.SrcPort), DstPort: layers.UDPPort(u.DstPort)}
		if err := g.SetNetworkLayerForChecksum(&ip4); err != nil {
			t.Fatal(err)
		}
		header := wire.IPv4(serialize(t, &ip4))
		datagram := make([]byte, u.Len())
		if err := u.Marshal(datagram, header.Src(), header.Dst()); err != nil {
			t.Fatal(err)
		}
		theirs = serialize(t, &g, gopacket.Payload(u.Payload))
		checkUDP(t, theirs, datagram)
		d, bad := wire.ParseUDP(theirs, header.Src(), header.Dst())
		check(t, "ParseUDP", bad, wire.NotMalformed)
		checkBytes(t, "UDP payload", d.Payload(), u.Payload)
	})
}

func TestGopacketReadsOurICMPErrors(t *testing.T) {
	seeded(t, func(t *testing.T, r *rand.Rand) {
		f := randomIPv4Fields(r)
		quoted := make([]byte, f.Len())
		f.PayloadLen = 0
		if err := f.Marshal(quoted); err != nil {
			t.Fatal(err)
		}
		mtu := uint32(r.IntN(1 << 16))
		e := wire.ICMPError{Type: wire.ICMPv4Unreachable, Code: wire.ICMPv4FragNeeded, MTU: mtu, Quoted: quoted}
		b := make([]byte, e.LenV4())
		if err := e.MarshalV4(b); err != nil {
			t.Fatal(err)
		}
		var v4 layers.ICMPv4
		decode(t, &v4, b)
		check(t, "TypeCode", v4.TypeCode, layers.CreateICMPv4TypeCode(3, 4))
		check(t, "MTU", uint32(v4.Seq), mtu) // gopacket has no other name for these bytes
		checkBytes(t, "quoted", v4.Payload, quoted)
		var inner layers.IPv4
		decode(t, &inner, v4.Payload)
		check(t, "quoted TTL", inner.TTL, f.TTL)
	})
}
