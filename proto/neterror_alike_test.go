// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"protean/proto"
	"protean/proto/checksum"
	"protean/proto/wire"
)

// TestErrorsAboutFragmentsThatAllBeginAlike: nothing but their sizes tells the fragments of a
// datagram of zeros apart, and an MTU is believed by the size of the one it is about.
func TestErrorsAboutFragmentsThatAllBeginAlike(t *testing.T) {
	for _, dst := range []netip.Addr{far4, far6} {
		e := newErrorRig(t)
		parts := e.send(proto.Header{Dst: dst, Frag: proto.FragAuto, Cookie: 7}, make([]byte, 1900))
		e.send(proto.Header{Dst: dst, Cookie: 8}, make([]byte, 50)) // later, and another
		x := wire.ICMPError{Type: wire.ICMPv4TimeExceeded}          // IPv4 fragments have no DF
		if dst.Is6() {
			x = wire.ICMPError{Type: wire.ICMPv6PacketTooBig, MTU: 1300}
		}
		x.Quoted = parts[0][:100]
		e.report(x)
		got := within(t, e.got.errors, fmt.Sprintf("nothing is reported to %v: %+v", dst, e.h.Stats().Network))
		if got.Cookie != 7 || got.Size != len(parts[0]) {
			t.Errorf("%v: %+v", dst, got)
		}
		if dst.Is4() {
			continue
		}
		// A fragment of another size than any has a fragment header, and is none of a whole.
		longer := bytes.Clone(parts[1][:100])
		binary.BigEndian.PutUint16(longer[4:], uint16(len(parts[0])-wire.IPv6HeaderLen+8))
		x.Quoted = longer
		e.report(x)
		if s := e.h.Stats().Network; s.Reported != 1 || s.Forged != 0 || s.Unmatched != 1 {
			t.Errorf("%v: %+v", dst, s)
		}
	}
}

// TestErrorsAboutCutPacketsWithExtensionHeaders: of the packet that the receiver has put
// together, and of its fragments.
func TestErrorsAboutCutPacketsWithExtensionHeaders(t *testing.T) {
	hello := wire.Ext{Type: wire.ExtDestination, Data: wire.AppendIPv6Option(nil, 0x1e, []byte("hey"))}
	routing := wire.Ext{Type: wire.ExtRouting, Data: append([]byte{4, 0, 0, 0, 0, 0}, make([]byte, 16)...)}
	hop := wire.Ext{Type: wire.ExtHopByHop, Data: wire.AppendIPv6RouterAlert(nil, 0)}
	for i, ext := range [][]wire.Ext{nil, {hop}, {hello}, {hop, hello}, {hello, routing, hello}} {
		e := newErrorRig(t)
		payload := noise(1900)
		parts := e.send(proto.Header{Dst: far6, Ext: ext, Cookie: 7}, payload)
		if len(parts) < 2 {
			t.Fatalf("%d: %d fragments", i, len(parts))
		}
		// The datagram as it was: that of a host whose links carry it.
		whole := wholeOf(t, parts)
		x := wire.ICMPError{Type: wire.ICMPv6ParamProblem, Code: wire.ICMPv6UnknownNextHeader, Quoted: whole[:1232]}
		e.report(x)
		if got := within(t, e.got.errors, fmt.Sprintf("%d: nothing is reported: %+v", i, e.h.Stats().Network)); got.Cookie != 7 || got.Protocol != 253 || !bytes.HasPrefix(payload, got.Quoted) {
			t.Errorf("%d: %+v", i, got)
		}
		for k, part := range parts {
			e.report(wire.ICMPError{Type: wire.ICMPv6TimeExceeded, Quoted: part[:min(len(part), 1232)]})
			if got := within(t, e.got.errors, fmt.Sprintf("%d: nothing is reported about fragment %d: %+v", i, k, e.h.Stats().Network)); got.Cookie != 7 || k == 0 && got.Protocol != 253 {
				t.Errorf("%d: fragment %d: %+v", i, k, got)
			}
		}
	}
}

// wholeOf puts IPv6 fragments that came in order together.
func wholeOf(t *testing.T, parts [][]byte) (whole []byte) {
	t.Helper()
	for _, part := range parts {
		var c wire.Chain
		if bad := wire.WalkIPv6(part, &c); bad != wire.NotMalformed || c.Fragment == 0 {
			t.Fatalf("no fragment: %v", bad)
		}
		if whole == nil {
			whole = append(whole, part[:c.Fragment]...)
			at := 6 // of the next header field that leads to the fragment header
			for o, next := wire.IPv6HeaderLen, part[6]; next != wire.ExtFragment; {
				at, next, o = o, part[o], o+int(part[o+1]+1)*8
			}
			whole[at] = part[c.Fragment]
		}
		whole = append(whole, part[c.Fragment+wire.IPv6FragmentLen:]...)
	}
	binary.BigEndian.PutUint16(whole[4:], uint16(len(whole)-wire.IPv6HeaderLen))
	return whole
}

// TestErrorsAboutWhatRoutersHaveCut: they may cut IPv4 packets without DF, and another
// tells of the first piece.
func TestErrorsAboutWhatRoutersHaveCut(t *testing.T) {
	for _, mode := range []proto.FragMode{proto.FragAllow, proto.FragNever} {
		e := newErrorRig(t)
		packet := e.send(proto.Header{Dst: far4, Frag: mode, Cookie: 7}, noise(1400))[0]
		piece := bytes.Clone(packet[:20+800])
		binary.BigEndian.PutUint16(piece[2:], uint16(len(piece)))
		binary.BigEndian.PutUint16(piece[6:], 0x2000|binary.BigEndian.Uint16(piece[6:]))
		piece[10], piece[11] = 0, 0
		binary.BigEndian.PutUint16(piece[10:], checksum.Sum(piece[:20]))
		e.report(wire.ICMPError{Type: wire.ICMPv4TimeExceeded, Quoted: piece[:200]})
		df := packet[6]&0x40 != 0
		if told := !waiting(e.got.errors); told == df {
			t.Errorf("DF %v: told %v, %+v", df, told, e.h.Stats().Network)
		} else if told {
			<-e.got.errors
		}
		// Who has cut it does not ask for smaller ones: the size would be one thing less to guess.
		e.report(wire.ICMPError{Type: wire.ICMPv4Unreachable, Code: wire.ICMPv4FragNeeded, MTU: 68, Quoted: piece[:200]})
		if s := e.h.Stats().Network; s.Forged+s.Unmatched == 0 || !waiting(e.got.errors) || !waiting(e.got.paths) {
			t.Errorf("DF %v: an MTU is believed, %+v", df, s)
		}
	}
}
