// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"protean/proto/wire"
)

func TestNeighborGolden(t *testing.T) {
	src, dst := netip.MustParseAddr("fe80::1"), netip.MustParseAddr("ff02::1:ff00:2")
	mac := wire.MAC{2, 0, 0, 0, 0, 7}
	for _, c := range []struct {
		name string
		f    wire.NeighborFields
		want string // type, code, checksum, flags, target, option
	}{
		{"solicitation", wire.NeighborFields{Solicitation: true, Target: netip.MustParseAddr("fe80::2"), LinkAddr: mac, HasLinkAddr: true},
			"8700" + "7a91" + "00000000" + "fe800000000000000000000000000002" + "0101020000000007"},
		{"without a link-layer address", wire.NeighborFields{Solicitation: true, Target: netip.MustParseAddr("fe80::2")},
			"8700" + "7da1" + "00000000" + "fe800000000000000000000000000002"},
		{"advertisement", wire.NeighborFields{Router: true, Solicited: true, Override: true, Target: netip.MustParseAddr("fe80::2"), LinkAddr: mac, HasLinkAddr: true},
			"8800" + "9890" + "e0000000" + "fe800000000000000000000000000002" + "0201020000000007"},
	} {
		b := make([]byte, c.f.Len())
		if err := c.f.Marshal(b, src, dst); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := hex.EncodeToString(b); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		m, bad := wire.ParseICMPv6(b, src, dst)
		if bad != wire.NotMalformed {
			t.Fatalf("%s: ICMPv6: %v", c.name, bad)
		}
		n, bad := wire.ParseNeighbor(m)
		if bad != wire.NotMalformed {
			t.Fatalf("%s: %v", c.name, bad)
		}
		hw, has := n.LinkAddr()
		got := wire.NeighborFields{n.Solicitation(), n.Router(), n.Solicited(), n.Override(), n.Target(), hw, has}
		if got != c.f {
			t.Errorf("%s: read back as %+v", c.name, got)
		}
	}
}

// gopacket reads an advertisement as it was meant.
func TestNeighborAsGopacketReadsIt(t *testing.T) {
	target := netip.MustParseAddr("fd00::5")
	f := wire.NeighborFields{Solicited: true, Override: true, Target: target, LinkAddr: wire.MAC{2, 1, 2, 3, 4, 5}, HasLinkAddr: true}
	b := make([]byte, f.Len())
	if err := f.Marshal(b, target, target); err != nil {
		t.Fatal(err)
	}
	var na layers.ICMPv6NeighborAdvertisement
	if err := na.DecodeFromBytes(b[4:], gopacket.NilDecodeFeedback); err != nil {
		t.Fatal(err)
	}
	if na.Router() || !na.Solicited() || !na.Override() || !bytes.Equal(na.TargetAddress, target.AsSlice()) ||
		len(na.Options) != 1 || na.Options[0].Type != layers.ICMPv6OptTargetAddress || !bytes.Equal(na.Options[0].Data, f.LinkAddr[:]) {
		t.Errorf("read as %+v", na)
	}
}

func TestNeighborGate(t *testing.T) {
	good, _ := hex.DecodeString("8700000000000000fe8000000000000000000000000000020101020000000007")
	with := func(change func(b []byte) []byte) wire.ICMPv6 { return change(bytes.Clone(good)) }
	for _, c := range []struct {
		name string
		m    wire.ICMPv6
		want wire.Malformed
	}{
		{"good", good, wire.NotMalformed},
		{"nothing", nil, wire.BadVersion},
		{"an echo", with(func(b []byte) []byte { b[0] = 128; return b }), wire.BadVersion},
		{"a code", with(func(b []byte) []byte { b[1] = 1; return b }), wire.BadVersion},
		{"about a group", with(func(b []byte) []byte { b[8] = 0xff; return b }), wire.BadVersion},
		{"cut off", with(func(b []byte) []byte { return b[:23] }), wire.TooShort},
		{"no options", with(func(b []byte) []byte { return b[:24] }), wire.NotMalformed},
		{"an option of no length", with(func(b []byte) []byte { b[25] = 0; return b }), wire.BadOption},
		{"an option past the end", with(func(b []byte) []byte { b[25] = 2; return b }), wire.BadOption},
		{"half an option", with(func(b []byte) []byte { return b[:25] }), wire.BadOption},
		{"an option of another type", with(func(b []byte) []byte { b[24] = wire.NDOptNonce; return b }), wire.NotMalformed},
	} {
		n, bad := wire.ParseNeighbor(c.m)
		if bad != c.want || (n == nil) != (bad != wire.NotMalformed) {
			t.Errorf("%s: %v, want %v", c.name, bad, c.want)
		}
		if n != nil {
			if _, ok := n.LinkAddr(); ok != (c.name == "good") {
				t.Errorf("%s: has a link-layer address: %v", c.name, ok)
			}
		}
	}
	f := wire.NeighborFields{Target: netip.MustParseAddr("10.0.0.1")}
	if err := f.Marshal(make([]byte, 64), f.Target, f.Target); err != wire.ErrAddress {
		t.Errorf("IPv4: %v", err)
	}
	f.Target = netip.MustParseAddr("fe80::1")
	if err := f.Marshal(make([]byte, 23), f.Target, f.Target); err != wire.ErrShortBuffer {
		t.Errorf("no room: %v", err)
	}
}

func TestSolicitedNode(t *testing.T) {
	// RFC 4291, section 2.7.1.
	if g := wire.SolicitedNode(netip.MustParseAddr("4037::01:800:200e:8c6c")); g != netip.MustParseAddr("ff02::1:ff0e:8c6c") {
		t.Error(g)
	}
}

func FuzzNeighbor(f *testing.F) {
	good, _ := hex.DecodeString("8800000000000000fe8000000000000000000000000000020201020000000007")
	f.Add(good)
	f.Add(good[:24])
	f.Fuzz(func(t *testing.T, b []byte) {
		n, bad := wire.ParseNeighbor(wire.ICMPv6(b))
		if bad != wire.NotMalformed {
			return
		}
		n.Target()
		n.LinkAddr()
		n.Router()
		total := wire.NeighborLen
		for it := n.Options(); it.Next(); {
			total += len(it.Option().Data) + 2
		}
		if total != len(b) {
			t.Errorf("options end at %d of %d bytes", total, len(b))
		}
	})
}
