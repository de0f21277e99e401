// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"testing"

	"protean/proto/wire"
)

func TestNothingAllocates(t *testing.T) {
	v4a, v4b := addr("192.0.2.1"), addr("192.0.2.2")
	v6a, v6b := addr("fe80::1%eth0"), addr("fe80::2")
	buf := make([]byte, 2048)
	ip4 := wire.IPv4Fields{TTL: 64, Src: v4a, Dst: v4b, Options: wire.AppendIPv4RecordRoute(nil, 9), PayloadLen: 4}
	ip6 := wire.IPv6Fields{HopLimit: 64, Protocol: 17, Src: v6a, Dst: v6b, PayloadLen: 4, Ext: []wire.Ext{
		{Type: wire.ExtHopByHop, Data: wire.AppendIPv6RouterAlert(nil, 0)},
		{Type: wire.ExtDestination},
	}}
	echo := wire.ICMPEcho{Data: make([]byte, 56)}
	failure := wire.ICMPError{Type: wire.ICMPv4TimeExceeded, Quoted: make([]byte, 28), Extensions: make([]byte, 12)}
	udp := wire.UDPFields{Payload: make([]byte, 100)}
	frame := wire.EthernetFields{Tags: []wire.VLANTag{{VID: 1}}, EtherType: wire.EtherTypeARP}
	arp := wire.ARPFields{SenderIP: v4a, TargetIP: v4b}
	timestamp := wire.ICMPTimestamp{}
	fragment := wire.IPv6FragmentFields{Offset: 8}
	options := make([]byte, 0, 64)
	var sink int

	nd := wire.NeighborFields{Target: v6b, HasLinkAddr: true}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	good := func(bad wire.Malformed) {
		if bad != wire.NotMalformed {
			t.Fatal(bad)
		}
	}
	tests := []struct {
		name string
		run  func()
	}{
		{"IPv4", func() {
			must(ip4.Marshal(buf))
			ip, bad := wire.ParseIPv4(buf)
			good(bad)
			for it := ip.OptionIterator(); it.Next(); {
				sink += it.Option().Recorded()
			}
			ip.SetSrc(ip.Dst())
			ip.FillChecksum()
		}},
		{"IPv6", func() {
			must(ip6.Marshal(buf))
			ip, bad := wire.ParseIPv6(buf)
			good(bad)
			for it := ip.Extensions(); it.Next(); {
				for o := it.Header().Options(); o.Next(); {
					sink += len(o.Option().Data)
				}
			}
			var c wire.Chain
			good(wire.WalkIPv6(ip, &c))
			ip.SetDst(ip.Src())
		}},
		{"fragment header", func() {
			must(fragment.Marshal(buf))
			f, bad := wire.ParseIPv6Fragment(buf)
			good(bad)
			sink += f.Offset()
		}},
		{"options", func() {
			o := wire.AppendIPv4RouterAlert(options, 0)
			o = wire.AppendIPv4SourceRoute(o, wire.IPv4OptLSRR, v4a, v4b)
			o = wire.AppendIPv4TimestampPrespecified(o, v4a, v4b)
			sink += len(wire.AppendIPv6RouterAlert(o, 0))
		}},
		{"ICMP echo", func() {
			must(echo.MarshalV4(buf))
			_, bad := wire.ParseICMPv4(buf[:echo.Len()])
			good(bad)
			must(echo.MarshalV6(buf, v6a, v6b))
			_, bad = wire.ParseICMPv6(buf[:echo.Len()], v6a, v6b)
			good(bad)
			must(timestamp.MarshalV4(buf))
		}},
		{"ICMP error", func() {
			failure.Type = wire.ICMPv4TimeExceeded
			must(failure.MarshalV4(buf))
			sink += len(wire.ICMPv4(buf).Quoted())
			failure.Type = wire.ICMPv6TimeExceeded
			must(failure.MarshalV6(buf, v6a, v6b))
			sink += len(wire.ICMPv6(buf).Extensions())
		}},
		{"UDP", func() {
			must(udp.Marshal(buf, v6a, v6b))
			_, bad := wire.ParseUDP(buf, v6a, v6b)
			good(bad)
		}},
		{"Ethernet and ARP", func() {
			must(frame.Marshal(buf))
			must(arp.Marshal(buf[frame.Len():]))
			f, bad := wire.ParseEthernet(buf)
			good(bad)
			a, bad := wire.ParseARP(f.Payload())
			good(bad)
			sink += int(a.Op())
		}},
		{"neighbour discovery", func() {
			must(nd.Marshal(buf, nd.Target, nd.Target))
			n, bad := wire.ParseNeighbor(wire.ICMPv6(buf[:nd.Len()]))
			good(bad)
			hw, _ := n.LinkAddr()
			sink += int(hw[0])
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if n := testing.AllocsPerRun(100, tt.run); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
