// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/sim"
)

// FuzzSend sends anything: it is refused and unchanged, or it arrives, or it
// is to somebody else.
func FuzzSend(f *testing.F) {
	f.Add(ip4(addrA, addrB, 40), int32(0))                                                  // good
	f.Add(make([]byte, 40), int32(0))                                                       // version 0
	f.Add([]byte{0x45, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2}, int32(2)) // everything to fill in
	f.Add([]byte{0x4f, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2}, int32(0)) // a header longer than the packet
	f.Add(ip4(addrA, addr("224.0.0.1"), 1500), int32(2))                                    // multicast, as large as possible
	f.Add(ip4(addrA, addrA, 60), int32(7))                                                  // to itself
	f.Add(ip6(addr("fe80::1"), addr("ff02::1:ff00:2"), 80), int32(2))                       // a solicited-node group
	hbh := ip6(addr("fe80::1"), addr("fe80::2"), 80)
	hbh[6] = 0
	f.Add(hbh, int32(-1)) // hop-by-hop options, and no such interface
	f.Fuzz(func(t *testing.T, data []byte, ifindex int32) {
		if len(data) > 4096 {
			return
		}
		p := newPair(t, nil, &sim.LinkConfig{MTU: 2000})
		for _, h := range []*sim.Transport{p.ta, p.tb} {
			check(t, h.Bind(transport.AnyProtocol))
			check(t, h.ReceiveForeign(true))
		}
		var kept []byte
		err := send(t, p.ta, data, func(s *transport.Slot) { s.IfIndex, kept = ifindex, s.Data })
		if err != nil {
			if !bytes.Equal(kept, data) {
				t.Fatal("a packet that was refused was changed")
			}
			return
		}
		check(t, p.n.Run(0))
		got := append(packets(receive(t, p.ta)), packets(receive(t, p.tb))...)
		if len(got) != 1 || len(got[0].data) != len(data) {
			t.Fatalf("%d packets arrived", len(got))
		}
		payload := got[0].pk.HeaderLen()
		if !bytes.Equal(got[0].data[payload:], data[payload:]) {
			t.Fatal("the payload was changed")
		}
	})
}

// FuzzKernel sends a packet to a router, as its own address or beyond it, from
// whoever the packet says. The router must stay on its feet, keep count, and
// send at most one error, and none about an error.
func FuzzKernel(f *testing.F) {
	src, dst, r4, r6 := seg4(1, 1).Addr(), seg4(2, 2).Addr(), seg4(1, 2).Addr(), seg6(1, 2).Addr()
	f.Add(ttl(udp(src, dst, 10), 1))                                                 // TTL exceeded
	f.Add(dontFragment(udp(src, dst, 1400)))                                         // fragmentation needed
	f.Add(udp(src, dst, 1400))                                                       // to be fragmented
	f.Add(options(src, dst, 7, 11, 4, 0))                                            // options that do not fit
	f.Add(echoRequest(seg6(1, 1).Addr(), r6, 1, 1, 30))                              // to be answered
	f.Add(extension(seg6(1, 1).Addr(), r6, 0, 2))                                    // an unknown hop-by-hop option
	f.Add(extension(seg6(1, 1).Addr(), seg6(2, 2).Addr(), 60, 3))                    // an unknown option for another
	f.Add(packet(r4, r4, 200, nil))                                                  // from the router itself
	f.Add(packet(r6, addr("3fff::1"), 48, nil))                                      // from its own IPv6 address: it is told of the error
	f.Add(icmpError(src, r4))                                                        // an error
	f.Add(packet(netip.IPv4Unspecified(), r4, 99, nil))                              // from nobody
	f.Add(packet(addr("224.0.0.1"), dst, 1, make([]byte, 20)))                       // from a group
	f.Add(packet(addr("fe80::1"), seg6(2, 2).Addr(), 17, make([]byte, 20)))          // beyond the scope of its source
	f.Add(extension(seg6(1, 1).Addr(), addr("ff02::1"), 60, 2))                      // to a group, with an option
	f.Add(append([]byte{0x45, 0, 0, 28, 0, 0, 0x20, 0, 9, 17}, make([]byte, 18)...)) // a fragment without an identification
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1500 {
			return
		}
		c := newChain(t, nil, nil, 1, func(x int) int { return []int{0, 1500, 1300}[x] })
		before := len(packets(receive(t, c.ta)))
		if err := send(t, c.ta, data, func(s *transport.Slot) { s.IfIndex = 2 }); err != nil {
			return
		}
		check(t, c.n.Run(time.Minute))
		answers := packets(receive(t, c.ta))
		s := c.routers[0].Stats()
		// An error about a packet from the router itself comes to the router.
		if len(answers)+before > 1 || s.Errors > 1 || s.Received > 1+s.Errors {
			t.Fatalf("%d answers, %+v", len(answers), s)
		}
		for _, g := range answers {
			if b := g.pk.Payload(); s.Errors > 0 && g.pk.Protocol() == 1 && len(b) >= 8+20 && b[8]>>4 == 4 && b[8+9] == 1 {
				if q, bad := wire.ParseIPv4Quoted(b[8:]); bad == wire.NotMalformed && len(q.Payload()) > 0 && wire.ICMPv4(q.Payload()).IsError() {
					t.Fatal("an error about an error")
				}
			}
		}
	})
}
