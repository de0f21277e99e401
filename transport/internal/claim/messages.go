// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package claim

import (
	"net/netip"

	"protean/proto/wire"
	"protean/transport/neigh"
)

// An owner returns the hardware address that answers for an address, and whether it
// is claimed at all.
type owner func(a netip.Addr) (hw wire.MAC, ok bool)

// maxFrame is room for every frame that is sent.
const maxFrame = wire.EthernetHeaderLen + wire.IPv6HeaderLen + wire.NeighborLen + 8

// answerARP returns the frame that answers an ARP packet in a frame from the
// given hardware address, nil if it asks for nothing that is claimed. conflict is
// an address that somebody else uses, too.
func answerARP(b []byte, owns owner) (reply []byte, conflict netip.Addr) {
	a, bad := wire.ParseARP(b)
	if bad != wire.NotMalformed {
		return nil, netip.Addr{}
	}
	if hw, ok := owns(a.SenderIP()); ok && a.SenderMAC() != hw {
		return nil, a.SenderIP()
	}
	hw, ok := owns(a.TargetIP())
	if !ok || a.Op() != wire.ARPRequest || a.SenderMAC() == hw || a.SenderMAC().IsMulticast() {
		return nil, netip.Addr{}
	}
	return arp(a.SenderMAC(), wire.ARPFields{
		Op: wire.ARPReply, SenderMAC: hw, SenderIP: a.TargetIP(), TargetMAC: a.SenderMAC(), TargetIP: a.SenderIP(),
	}), netip.Addr{}
}

// announceARP returns the frame that tells everybody whose an address is.
func announceARP(a netip.Addr, hw wire.MAC) []byte {
	return arp(wire.BroadcastMAC(), wire.ARPFields{Op: wire.ARPRequest, SenderMAC: hw, SenderIP: a, TargetIP: a})
}

func arp(to wire.MAC, f wire.ARPFields) []byte {
	b := make([]byte, wire.EthernetHeaderLen+wire.ARPLen)
	h := wire.EthernetFields{Dst: to, Src: f.SenderMAC, EtherType: wire.EtherTypeARP}
	if h.Marshal(b) != nil || f.Marshal(b[wire.EthernetHeaderLen:]) != nil {
		return nil // not IPv4, which nobody claims here
	}
	return b
}

// allNodes is where neighbours listen (RFC 4291, section 2.7.1).
var allNodes = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x01})

// answerND returns the frame that answers a neighbour solicitation in an IPv6
// packet that came from a hardware address, nil if it is none, is not valid (RFC
// 4861, section 7.1.1), or asks for nothing that is claimed.
func answerND(b []byte, from wire.MAC, owns owner) []byte {
	ip, bad := wire.ParseIPv6(b)
	if bad != wire.NotMalformed || ip.HopLimit() != wire.NDHopLimit || b[6] != wire.ProtoICMPv6 {
		return nil
	}
	m, bad := wire.ParseICMPv6(ip.Payload(), ip.Src(), ip.Dst())
	if bad != wire.NotMalformed {
		return nil
	}
	n, bad := wire.ParseNeighbor(m)
	if bad != wire.NotMalformed || !n.Solicitation() {
		return nil
	}
	hw, ok := owns(n.Target())
	if !ok || from == hw {
		return nil
	}
	link, has := n.LinkAddr()
	if ip.Src().IsUnspecified() {
		// Somebody wants the address, and is told that it is taken (RFC 4862,
		// section 5.4.3).
		if has || ip.Dst() != wire.SolicitedNode(n.Target()) {
			return nil
		}
		return advertise(n.Target(), hw, allNodes, groupMAC(allNodes), false)
	}
	if !has {
		link = from
	}
	return advertise(n.Target(), hw, ip.Src(), link, true)
}

// announceND returns the frame that tells everybody whose an address is.
func announceND(a netip.Addr, hw wire.MAC) []byte {
	return advertise(a, hw, allNodes, groupMAC(allNodes), false)
}

func advertise(target netip.Addr, hw wire.MAC, dst netip.Addr, to wire.MAC, solicited bool) []byte {
	f := wire.NeighborFields{Solicited: solicited, Override: true, Target: target, LinkAddr: hw, HasLinkAddr: true}
	h := wire.EthernetFields{Dst: to, Src: hw, EtherType: wire.EtherTypeIPv6}
	ip := wire.IPv6Fields{HopLimit: wire.NDHopLimit, Protocol: wire.ProtoICMPv6, Src: target, Dst: dst, PayloadLen: f.Len()}
	b := make([]byte, maxFrame)
	if h.Marshal(b) != nil || ip.Marshal(b[wire.EthernetHeaderLen:]) != nil ||
		f.Marshal(b[wire.EthernetHeaderLen+wire.IPv6HeaderLen:], target, dst) != nil {
		return nil // not IPv6, which nobody claims here
	}
	return b
}

func groupMAC(group netip.Addr) wire.MAC {
	m, _ := neigh.MulticastMAC(group)
	return m
}
