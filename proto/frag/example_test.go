// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"fmt"
	"net/netip"

	"protean/proto/frag"
	"protean/proto/wire"
)

// A packet of 3000 bytes of payload is cut for an MTU of 1500, arrives in the
// wrong order, and is put together again.
func Example() {
	h := wire.IPv4Fields{TTL: 64, Protocol: wire.ProtoExperimental1, PayloadLen: 3000,
		Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("198.51.100.1")}
	packet := make([]byte, h.Len()+h.PayloadLen)
	if err := h.Marshal(packet); err != nil {
		fmt.Println(err)
		return
	}

	ids := frag.NewIDs([16]byte{}) // a real key is from crypto/rand
	var s frag.Splitter
	if err := s.Split(packet, 1500, ids.Next(0, packet), frag.SplitConfig{}); err != nil {
		fmt.Println(err)
		return
	}
	var fragments [][]byte
	for s.Next() {
		b := make([]byte, s.Len())
		if _, err := s.Copy(b); err != nil {
			fmt.Println(err)
			return
		}
		fragments = append([][]byte{b}, fragments...)
	}

	r := frag.NewReassembler(nil)
	for _, b := range fragments {
		var d frag.Datagram
		v := r.Feed(0, b, frag.Meta{}, &d)
		fmt.Printf("%d bytes: %v\n", len(b), v)
		if v == frag.Complete {
			fmt.Printf("packet of %d bytes, largest fragment %d\n", len(d.Packet), d.FragSize)
		}
	}
	// Output:
	// 60 bytes: held
	// 1500 bytes: held
	// 1500 bytes: complete
	// packet of 3020 bytes, largest fragment 1500
}
