// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"protean/proto/wire"
)

// The tests in this file use gopacket as a decoder and encoder that was
// written by others: what we build it must read, and what it builds we must
// read, for random fields.

const rounds = 300

func seeded(t *testing.T, test func(t *testing.T, r *rand.Rand)) {
	t.Helper()
	for seed := range uint64(rounds) {
		test(t, rand.New(rand.NewPCG(seed, 253)))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func randomAddr(r *rand.Rand, n int) netip.Addr {
	a, _ := netip.AddrFromSlice(randomBytes(r, n))
	return a
}

func randomIPv4Options(r *rand.Rand) []byte {
	switch r.IntN(4) {
	case 0:
		return wire.AppendIPv4RouterAlert(nil, uint16(r.Uint32()))
	case 1:
		return wire.AppendIPv4RecordRoute([]byte{wire.IPv4OptNop}, r.IntN(10))
	case 2:
		return wire.AppendIPv4Timestamp(wire.AppendIPv4RouterAlert(nil, 1), wire.IPv4TimestampAddr, r.IntN(5))
	}
	return nil
}

func randomIPv4Fields(r *rand.Rand) wire.IPv4Fields {
	return wire.IPv4Fields{
		TOS: uint8(r.Uint32()), ID: uint16(r.Uint32()),
		DontFragment: r.IntN(2) == 0, MoreFragments: r.IntN(2) == 0, FragmentOffset: r.IntN(8192) * 8,
		TTL: uint8(r.Uint32()), Protocol: uint8(r.Uint32()),
		Src: randomAddr(r, 4), Dst: randomAddr(r, 4), Options: randomIPv4Options(r), PayloadLen: r.IntN(100),
	}
}

// serialize builds a packet with gopacket.
func serialize(t *testing.T, ls ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func decode(t *testing.T, l gopacket.DecodingLayer, b []byte) {
	t.Helper()
	if err := l.DecodeFromBytes(b, gopacket.NilDecodeFeedback); err != nil {
		t.Fatalf("gopacket refuses %x: %v", b, err)
	}
}

func TestGopacketReadsOurIPv4(t *testing.T) {
	seeded(t, func(t *testing.T, r *rand.Rand) {
		f := randomIPv4Fields(r)
		b := make([]byte, f.Len()+f.PayloadLen)
		if err := f.Marshal(b); err != nil {
			t.Fatal(err)
		}
		var ip layers.IPv4
		decode(t, &ip, b)
		check(t, "Version", ip.Version, 4)
		check(t, "IHL", int(ip.IHL)*4, f.Len())
		check(t, "TOS", ip.TOS, f.TOS)
		check(t, "Length", int(ip.Length), len(b))
		check(t, "Id", ip.Id, f.ID)
		check(t, "DF", ip.Flags&layers.IPv4DontFragment != 0, f.DontFragment)
		check(t, "MF", ip.Flags&layers.IPv4MoreFragments != 0, f.MoreFragments)
		check(t, "FragOffset", int(ip.FragOffset)*8, f.FragmentOffset)
		check(t, "TTL", ip.TTL, f.TTL)
		check(t, "Protocol", uint8(ip.Protocol), f.Protocol)
		checkBytes(t, "SrcIP", ip.SrcIP, f.Src.AsSlice())
		checkBytes(t, "DstIP", ip.DstIP, f.Dst.AsSlice())
		check(t, "payload", len(ip.Payload), f.PayloadLen)
		checkOptions(t, wire.IPv4(b), ip.Options)

		// Serialised again, with its own checksum, it is the same header.
		again := serialize(t, &ip, gopacket.Payload(ip.Payload))
		checkBytes(t, "serialised again", again, b)
	})
}

func checkOptions(t *testing.T, ip wire.IPv4, want []layers.IPv4Option) {
	t.Helper()
	it := ip.OptionIterator()
	for _, w := range want {
		if w.OptionType == wire.IPv4OptEnd {
			break
		}
		if !it.Next() {
			t.Errorf("no option of type %d: %v", w.OptionType, it.Err())
			return
		}
		check(t, "option type", it.Option().Type, w.OptionType)
		check(t, "option length", it.Option().Len(), int(w.OptionLength))
		checkBytes(t, "option data", it.Option().Data, w.OptionData)
	}
	check(t, "one more option", it.Next(), false)
}

func TestWeReadGopacketsIPv4(t *testing.T) {
	seeded(t, func(t *testing.T, r *rand.Rand) {
		g := layers.IPv4{
			Version: 4, TOS: uint8(r.Uint32()), Id: uint16(r.Uint32()),
			Flags: layers.IPv4Flag(r.IntN(8)), FragOffset: uint16(r.IntN(8192)),
			TTL: uint8(r.Uint32()), Protocol: layers.IPProtocol(r.Uint32()),
			SrcIP: randomBytes(r, 4), DstIP: randomBytes(r, 4),
		}
		for range r.IntN(4) {
			data := randomBytes(r, r.IntN(9))
			g.Options = append(g.Options, layers.IPv4Option{
				OptionType: uint8(2 + r.IntN(254)), OptionLength: uint8(2 + len(data)), OptionData: data,
			})
		}
		payload := randomBytes(r, r.IntN(100))
		b := serialize(t, &g, gopacket.Payload(payload))
		ip, bad := wire.ParseIPv4(append(b, 1, 2, 3))
		if bad != wire.NotMalformed {
			t.Fatal(bad)
		}
		check(t, "HeaderLen", ip.HeaderLen(), int(g.IHL)*4)
		check(t, "TOS", ip.TOS(), g.TOS)
		check(t, "TotalLen", ip.TotalLen(), len(b))
		check(t, "ID", ip.ID(), g.Id)
		check(t, "DontFragment", ip.DontFragment(), g.Flags&layers.IPv4DontFragment != 0)
		check(t, "MoreFragments", ip.MoreFragments(), g.Flags&layers.IPv4MoreFragments != 0)
		check(t, "FragmentOffset", ip.FragmentOffset(), int(g.FragOffset)*8)
		check(t, "TTL", ip.TTL(), g.TTL)
		check(t, "Protocol", ip.Protocol(), uint8(g.Protocol))
		check(t, "Checksum", ip.Checksum(), g.Checksum)
		checkBytes(t, "Src", ip.Src().AsSlice(), g.SrcIP)
		checkBytes(t, "Dst", ip.Dst().AsSlice(), g.DstIP)
		checkBytes(t, "Payload", ip.Payload(), payload)
		checkOptions(t, ip, g.Options)
	})
}

func TestGopacketReadsOurEthernetAndARP(t *testing.T) {
	seeded(t, func(t *testing.T, r *rand.Rand) {
		e := wire.EthernetFields{
			Dst: wire.MAC(randomBytes(r, 6)), Src: wire.MAC(randomBytes(r, 6)), EtherType: wire.EtherTypeARP,
			Tags: []wire.VLANTag{wire.VLANTagFrom(wire.EtherTypeQinQ, uint16(r.Uint32())), wire.VLANTagFrom(wire.EtherTypeVLAN, uint16(r.Uint32()))},
		}
		a := wire.ARPFields{
			Op: uint16(r.Uint32()), SenderMAC: e.Src, SenderIP: randomAddr(r, 4),
			TargetMAC: wire.MAC(randomBytes(r, 6)), TargetIP: randomAddr(r, 4),
		}
		b := make([]byte, e.Len()+a.Len())
		if err := e.Marshal(b); err != nil {
			t.Fatal(err)
		}
		if err := a.Marshal(b[e.Len():]); err != nil {
			t.Fatal(err)
		}
		p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
		if p.ErrorLayer() != nil || len(p.Layers()) != 4 {
			t.Fatalf("gopacket reads %v", p)
		}
		eth := p.Layers()[0].(*layers.Ethernet)
		checkBytes(t, "DstMAC", eth.DstMAC, e.Dst[:])
		checkBytes(t, "SrcMAC", eth.SrcMAC, e.Src[:])
		for i, tag := range e.Tags {
			q := p.Layers()[1+i].(*layers.Dot1Q)
			check(t, "Priority", q.Priority, tag.PCP)
			check(t, "DropEligible", q.DropEligible, tag.DEI)
			check(t, "VLANIdentifier", q.VLANIdentifier, tag.VID)
		}
		arp := p.Layers()[3].(*layers.ARP)
		check(t, "Operation", arp.Operation, a.Op)
		checkBytes(t, "SourceHwAddress", arp.SourceHwAddress, a.SenderMAC[:])
		checkBytes(t, "SourceProtAddress", arp.SourceProtAddress, a.SenderIP.AsSlice())
		checkBytes(t, "DstHwAddress", arp.DstHwAddress, a.TargetMAC[:])
		checkBytes(t, "DstProtAddress", arp.DstProtAddress, a.TargetIP.AsSlice())

		again := serialize(t, eth, p.Layers()[1].(*layers.Dot1Q), p.Layers()[2].(*layers.Dot1Q), arp)
		f, bad := wire.ParseEthernet(again) // padded to 60 bytes
		check(t, "ParseEthernet", bad, wire.NotMalformed)
		checkBytes(t, "serialised again", f[:len(b)], b)
		view, bad := wire.ParseARP(f.Payload())
		check(t, "ParseARP", bad, wire.NotMalformed)
		check(t, "TargetIP", view.TargetIP(), a.TargetIP)
	})
}
