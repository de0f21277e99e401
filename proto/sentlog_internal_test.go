// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"protean/transport"
)

// longLog has as many packets as a log keeps, to 2000::, which differ in the first
// bytes of their payload.
func longLog() *sentLog {
	l, b := &sentLog{}, &Binding{}
	pk := make([]byte, 60)
	pk[0], pk[5], pk[6], pk[24] = 0x60, 20, 253, 0x20
	for i := range maxSentLog {
		binary.BigEndian.PutUint32(pk[40:], uint32(i))
		l.record([]transport.Slot{{Data: pk, Cookie: uint64(i)}}, []*Binding{b}, 0)
	}
	return l
}

func errorAbout(first string) *NetworkError {
	return &NetworkError{Origin: transport.OriginICMP6, Dst: netip.MustParseAddr("2000::"), Protocol: 253, Size: 60, Quoted: []byte(first)}
}

func TestALongLogIsSearchedByItsTags(t *testing.T) {
	l := longLog()
	if p, ok := l.find(errorAbout("\x00\x00\x12\x34\x00\x00\x00\x00"), sentLife, true); !ok || p.cookie != 0x1234 {
		t.Errorf("found %v, packet %#x", ok, p.cookie)
	}
	if _, ok := l.find(errorAbout("\x00\x00\x12\x34\x00\x00\x00\x00"), sentLife+1, true); ok {
		t.Error("an error about a packet that is too old is believed")
	}
	// Who forges errors does not have packets looked at one by one.
	for i := range l.packets {
		l.packets[i].dst[15] = 1 // each would be the one
	}
	forged := errorAbout("forged!!")
	forged.Dst = netip.MustParseAddr("2000::1")
	for i := range l.packets {
		copy(l.packets[i].first[:], "forged!!")
	}
	if _, ok := l.find(forged, 0, true); ok {
		t.Error("a packet was looked at although its tag is another")
	}
}

// BenchmarkForgedError is what an ICMPv6 error costs that is about no packet of a
// long log.
func BenchmarkForgedError(b *testing.B) {
	l, e := longLog(), errorAbout("forged!!")
	for b.Loop() {
		l.find(e, 0, true)
	}
}
