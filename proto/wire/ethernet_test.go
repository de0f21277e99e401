// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"bytes"
	"testing"

	"protean/proto/wire"
)

func TestEthernetGoldenFrame(t *testing.T) {
	b := unhex(t, `
		02 00 00 00 00 02   // destination
		02 00 00 00 00 01   // source
		88 a8 70 64         // service tag: priority 3, drop eligible, VLAN 100
		81 00 a0 0a         // customer tag: priority 5, VLAN 10
		08 06               // ARP
		de ad               // payload`)
	f, bad := wire.ParseEthernet(b)
	if bad != wire.NotMalformed {
		t.Fatal(bad)
	}
	outer := wire.VLANTag{TPID: wire.EtherTypeQinQ, PCP: 3, DEI: true, VID: 100}
	inner := wire.VLANTag{TPID: wire.EtherTypeVLAN, PCP: 5, VID: 10}
	check(t, "Dst", f.Dst(), wire.MAC{2, 0, 0, 0, 0, 2})
	check(t, "Src", f.Src(), wire.MAC{2, 0, 0, 0, 0, 1})
	check(t, "HeaderLen", f.HeaderLen(), 22)
	check(t, "NumTags", f.NumTags(), 2)
	check(t, "EtherType", f.EtherType(), wire.EtherTypeARP)
	checkBytes(t, "Payload", f.Payload(), []byte{0xde, 0xad})
	for i, want := range []wire.VLANTag{outer, inner} {
		tag, ok := f.Tag(i)
		check(t, "Tag", tag, want)
		check(t, "has Tag", ok, true)
	}
	_, ok := f.Tag(2)
	check(t, "has a third tag", ok, false)
	_, ok = f.Tag(-1)
	check(t, "has a tag before the first", ok, false)

	inner.TPID = 0 // means the customer tag's
	e := wire.EthernetFields{
		Dst: wire.MAC{2, 0, 0, 0, 0, 2}, Src: wire.MAC{2, 0, 0, 0, 0, 1},
		Tags: []wire.VLANTag{outer, inner}, EtherType: wire.EtherTypeARP,
	}
	built := make([]byte, e.Len())
	if err := e.Marshal(built); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "Marshal", built, b[:22])

	f.SetDst(wire.BroadcastMAC())
	f.SetSrc(wire.MAC{})
	check(t, "Dst after SetDst", f.Dst().String(), "ff:ff:ff:ff:ff:ff")
	check(t, "Src after SetSrc", f.Src(), wire.MAC{})
}

func TestEthernetGate(t *testing.T) {
	tagged := func(n int) []byte {
		b := append(make([]byte, 12), bytes.Repeat([]byte{0x81, 0, 0, 1}, n)...)
		return append(b, 0x08, 0x00)
	}
	tests := []struct {
		name string
		b    []byte
		want wire.Malformed
	}{
		{"13 bytes", make([]byte, 13), wire.TooShort},
		{"14 bytes", make([]byte, 14), wire.NotMalformed},
		{"a tag cut off", tagged(1)[:17], wire.Truncated},
		{"a tag and nothing else", tagged(1), wire.NotMalformed},
		{"the most tags", tagged(wire.MaxVLANTags), wire.NotMalformed},
		{"one tag more", tagged(wire.MaxVLANTags + 1), wire.ChainTooLong},
		{"tags without end", bytes.Repeat([]byte{0x81, 0, 0x88, 0xa8}, 400), wire.ChainTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, bad := wire.ParseEthernet(tt.b)
			check(t, "ParseEthernet", bad, tt.want)
		})
	}
}

func TestEthernetBuilderRefuses(t *testing.T) {
	tests := []struct {
		name string
		tags []wire.VLANTag
		room int
		want error
	}{
		{"a buffer one byte short", []wire.VLANTag{{VID: 1}}, 17, wire.ErrShortBuffer},
		{"not a buffer that is long enough", []wire.VLANTag{{VID: 0xfff, PCP: 7}}, 18, nil},
		{"a VLAN of 13 bits", []wire.VLANTag{{VID: 0x1000}}, 18, wire.ErrField},
		{"a priority of 4 bits", []wire.VLANTag{{PCP: 8}}, 18, wire.ErrField},
		{"a tag protocol that is none", []wire.VLANTag{{TPID: 0x0800}}, 18, wire.ErrField},
		{"too many tags", make([]wire.VLANTag, wire.MaxVLANTags+1), 100, wire.ErrField},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := wire.EthernetFields{Tags: tt.tags}
			if err := e.Marshal(make([]byte, tt.room)); err != tt.want {
				t.Errorf("Marshal: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestMAC(t *testing.T) {
	check(t, "String", wire.MAC{0, 1, 2, 0xab, 0xcd, 0xef}.String(), "00:01:02:ab:cd:ef")
	check(t, "a group address", wire.MAC{0x33, 0x33}.IsMulticast(), true)
	check(t, "broadcast", wire.BroadcastMAC().IsMulticast(), true)
	check(t, "an individual address", wire.MAC{2}.IsMulticast(), false)
	for tci := range 1 << 16 {
		if got := wire.VLANTagFrom(0x8100, uint16(tci)).TCI(); got != uint16(tci) {
			t.Fatalf("tag control information %#04x comes back as %#04x", tci, got)
		}
	}
}

func TestARPGoldenPacket(t *testing.T) {
	b := unhex(t, `
		00 01               // Ethernet
		08 00               // IPv4
		06 04               // address lengths
		00 02               // reply
		02 00 00 00 00 01   // sender hardware address
		c0 00 02 01         // sender 192.0.2.1
		02 00 00 00 00 02   // target hardware address
		c0 00 02 02         // target 192.0.2.2`)
	a, bad := wire.ParseARP(append(b, make([]byte, 18)...)) // padded to 60 bytes with the Ethernet header
	if bad != wire.NotMalformed {
		t.Fatal(bad)
	}
	want := wire.ARPFields{
		Op:        wire.ARPReply,
		SenderMAC: wire.MAC{2, 0, 0, 0, 0, 1}, SenderIP: addr("192.0.2.1"),
		TargetMAC: wire.MAC{2, 0, 0, 0, 0, 2}, TargetIP: addr("192.0.2.2"),
	}
	check(t, "fields", wire.ARPFields{
		Op:        a.Op(),
		SenderMAC: a.SenderMAC(), SenderIP: a.SenderIP(),
		TargetMAC: a.TargetMAC(), TargetIP: a.TargetIP(),
	}, want)
	check(t, "len(view)", len(a), 28)
	built := make([]byte, want.Len())
	if err := want.Marshal(built); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "Marshal", built, b)

	check(t, "Marshal into 27 bytes", want.Marshal(built[:27]), error(wire.ErrShortBuffer))
	want.TargetIP = addr("::1")
	check(t, "Marshal with an IPv6 target", want.Marshal(built), error(wire.ErrAddress))

	for at, reason := range map[int]wire.Malformed{0: wire.BadVersion, 1: wire.BadVersion, 2: wire.BadVersion, 4: wire.BadHeaderLen, 5: wire.BadHeaderLen} {
		b[at] ^= 0xff
		if _, bad := wire.ParseARP(b); bad != reason {
			t.Errorf("byte %d changed: %v, want %v", at, bad, reason)
		}
		b[at] ^= 0xff
	}
	_, bad = wire.ParseARP(b[:27])
	check(t, "27 bytes", bad, wire.TooShort)
}
