// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package script

import (
	"net/netip"

	"protean/proto/wire"
)

// A Flow is what the packets of a script have in common.
type Flow struct {
	Src, Dst netip.Addr // both IPv4 or both IPv6
	ID       uint32
	Protocol uint8
	TTL      uint8
	TOS      uint8
	DF       bool
	Options  []byte     // IPv4
	Ext      []wire.Ext // IPv6, in front of the fragment header
}

// Append appends the fragment that p stands for to b. It panics if that cannot
// be an IP packet.
func (f *Flow) Append(b []byte, p Piece) []byte {
	return f.AppendData(b, p.Off, p.Data(), p.More)
}

// AppendData is Append for a fragment with the given data.
func (f *Flow) AppendData(b []byte, off int, data []byte, more bool) []byte {
	n := len(b)
	if f.Src.Is4() {
		h := wire.IPv4Fields{TOS: f.TOS, ID: uint16(f.ID), DontFragment: f.DF, MoreFragments: more,
			FragmentOffset: off, TTL: f.TTL, Protocol: f.Protocol, Src: f.Src, Dst: f.Dst,
			Options: f.Options, PayloadLen: len(data)}
		b = append(b, make([]byte, h.Len())...)
		must(h.Marshal(b[n:]))
		return append(b, data...)
	}
	frag := wire.IPv6FragmentFields{NextHeader: f.Protocol, Offset: off, More: more, ID: f.ID}
	h := wire.IPv6Fields{TrafficClass: f.TOS, HopLimit: f.TTL, Protocol: wire.ExtFragment,
		Src: f.Src, Dst: f.Dst, Ext: f.Ext, PayloadLen: frag.Len() + len(data)}
	b = append(b, make([]byte, h.Len()+frag.Len())...)
	must(h.Marshal(b[n:]))
	must(frag.Marshal(b[n+h.Len():]))
	return append(b, data...)
}

func must(err error) {
	if err != nil {
		panic("script: " + err.Error())
	}
}

// Payload returns the payload of a reassembled packet, behind its IP header and
// the given length of options or extension headers.
func Payload(packet []byte, ext int) []byte {
	if packet[0]>>4 == 4 {
		return packet[wire.IPv4HeaderLen+ext:]
	}
	return packet[wire.IPv6HeaderLen+ext:]
}
