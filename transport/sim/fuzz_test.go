// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"bytes"
	"testing"

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
