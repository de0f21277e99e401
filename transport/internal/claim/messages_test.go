// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package claim

import (
	"net/netip"
	"testing"

	"protean/proto/wire"
)

var (
	own4, own6 = netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("fd00::5")
	peer4      = netip.MustParseAddr("10.0.0.9")
	peer6      = netip.MustParseAddr("fd00::9")
	ownMAC     = wire.MAC{2, 0, 0, 0, 0, 5}
	peerMAC    = wire.MAC{2, 0, 0, 0, 0, 9}
)

func owns(a netip.Addr) (wire.MAC, bool) { return ownMAC, a == own4 || a == own6 }

func request(change func(f *wire.ARPFields)) []byte {
	f := wire.ARPFields{Op: wire.ARPRequest, SenderMAC: peerMAC, SenderIP: peer4, TargetIP: own4}
	change(&f)
	b := make([]byte, wire.ARPLen+18) // with padding
	if err := f.Marshal(b); err != nil {
		panic(err)
	}
	return b
}

func TestARPIsAnswered(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func(f *wire.ARPFields)
		answered bool
		conflict netip.Addr
	}{
		{"a request", func(*wire.ARPFields) {}, true, netip.Addr{}},
		{"a probe", func(f *wire.ARPFields) { f.SenderIP = netip.IPv4Unspecified() }, true, netip.Addr{}},
		{"for another address", func(f *wire.ARPFields) { f.TargetIP = netip.MustParseAddr("10.0.0.6") }, false, netip.Addr{}},
		{"a reply", func(f *wire.ARPFields) { f.Op = wire.ARPReply }, false, netip.Addr{}},
		{"our own request", func(f *wire.ARPFields) { f.SenderMAC, f.SenderIP = ownMAC, own4 }, false, netip.Addr{}},
		{"from our hardware address", func(f *wire.ARPFields) { f.SenderMAC = ownMAC }, false, netip.Addr{}},
		{"from a group", func(f *wire.ARPFields) { f.SenderMAC = wire.BroadcastMAC() }, false, netip.Addr{}},
		{"somebody else's claim", func(f *wire.ARPFields) { f.SenderIP = own4 }, false, own4},
	} {
		reply, conflict := answerARP(request(c.change), owns)
		if (reply != nil) != c.answered || conflict != c.conflict {
			t.Errorf("%s: %x, %v", c.name, reply, conflict)
		}
	}
	if reply, _ := answerARP(request(func(*wire.ARPFields) {})[:27], owns); reply != nil {
		t.Error("a request that is cut off is answered")
	}
	b, _ := answerARP(request(func(*wire.ARPFields) {}), owns)
	f, _ := wire.ParseEthernet(b)
	a, bad := wire.ParseARP(f.Payload())
	if bad != wire.NotMalformed || f.Dst() != peerMAC || f.Src() != ownMAC || f.EtherType() != wire.EtherTypeARP || a.Op() != wire.ARPReply ||
		a.SenderMAC() != ownMAC || a.SenderIP() != own4 || a.TargetMAC() != peerMAC || a.TargetIP() != peer4 {
		t.Errorf("the answer is %x", b)
	}
	b = announceARP(own4, ownMAC)
	f, _ = wire.ParseEthernet(b)
	a, bad = wire.ParseARP(f.Payload())
	if bad != wire.NotMalformed || f.Dst() != wire.BroadcastMAC() || a.Op() != wire.ARPRequest || a.SenderIP() != own4 || a.TargetIP() != own4 || a.SenderMAC() != ownMAC {
		t.Errorf("the announcement is %x", b)
	}
}

// solicit returns a neighbour solicitation.
func solicit(f wire.NeighborFields, src, dst netip.Addr, hops uint8) []byte {
	h := wire.IPv6Fields{HopLimit: hops, Protocol: wire.ProtoICMPv6, Src: src, Dst: dst, PayloadLen: f.Len()}
	b := make([]byte, wire.IPv6HeaderLen+f.Len())
	if err := h.Marshal(b); err != nil {
		panic(err)
	}
	if err := f.Marshal(b[wire.IPv6HeaderLen:], src, dst); err != nil {
		panic(err)
	}
	return b
}

func TestSolicitationsAreAnswered(t *testing.T) {
	group, none := wire.SolicitedNode(own6), netip.IPv6Unspecified()
	ask := wire.NeighborFields{Solicitation: true, Target: own6, LinkAddr: peerMAC, HasLinkAddr: true}
	bare := wire.NeighborFields{Solicitation: true, Target: own6}
	other := ask
	other.Target = netip.MustParseAddr("fd00::6")
	corrupt := solicit(ask, peer6, group, 255)
	corrupt[43] ^= 1
	router := wire.MAC{2, 0, 0, 0, 0, 7} // that the question came through
	for _, c := range []struct {
		name    string
		b       []byte
		to      netip.Addr // the zero Addr: no answer
		mac     wire.MAC
		whoever bool // it answers nobody in particular
	}{
		{"with an option", solicit(ask, peer6, group, 255), peer6, peerMAC, false},
		{"without", solicit(bare, peer6, own6, 255), peer6, router, false},
		{"somebody wants the address", solicit(bare, none, group, 255), allNodes, wire.MAC{0x33, 0x33, 0, 0, 0, 1}, true},
		{"the same with an option", solicit(ask, none, group, 255), netip.Addr{}, wire.MAC{}, false},
		{"the same, not to the group", solicit(bare, none, own6, 255), netip.Addr{}, wire.MAC{}, false},
		{"for another address", solicit(other, peer6, group, 255), netip.Addr{}, wire.MAC{}, false},
		{"through a router", solicit(ask, peer6, group, 254), netip.Addr{}, wire.MAC{}, false},
		{"with a wrong checksum", corrupt, netip.Addr{}, wire.MAC{}, false},
		{"an advertisement", solicit(wire.NeighborFields{Target: own6}, peer6, group, 255), netip.Addr{}, wire.MAC{}, false},
		{"cut off", solicit(ask, peer6, group, 255)[:50], netip.Addr{}, wire.MAC{}, false},
		{"nothing", nil, netip.Addr{}, wire.MAC{}, false},
	} {
		b := answerND(c.b, router, owns)
		if (b != nil) != c.to.IsValid() {
			t.Errorf("%s: answered with %x", c.name, b)
			continue
		}
		if b == nil {
			continue
		}
		f, _ := wire.ParseEthernet(b)
		ip, bad := wire.ParseIPv6(f.Payload())
		if bad != wire.NotMalformed || f.Dst() != c.mac || f.Src() != ownMAC || ip.Src() != own6 || ip.Dst() != c.to || ip.HopLimit() != 255 {
			t.Errorf("%s: the answer is %x", c.name, b)
		}
		m, bad := wire.ParseICMPv6(ip.Payload(), ip.Src(), ip.Dst())
		if bad != wire.NotMalformed {
			t.Errorf("%s: %v", c.name, bad)
		}
		n, _ := wire.ParseNeighbor(m)
		if hw, ok := n.LinkAddr(); n == nil || !ok || hw != ownMAC || n.Target() != own6 || n.Solicited() == c.whoever || !n.Override() || n.Router() {
			t.Errorf("%s: the advertisement is %x", c.name, b)
		}
	}
	if b := answerND(solicit(ask, peer6, group, 255), ownMAC, owns); b != nil {
		t.Error("our own solicitation is answered")
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(request(func(*wire.ARPFields) {}))
	f.Add(solicit(wire.NeighborFields{Solicitation: true, Target: own6}, peer6, own6, 255))
	f.Fuzz(func(t *testing.T, b []byte) {
		answerARP(b, owns)
		answerND(b, peerMAC, owns)
	})
}
