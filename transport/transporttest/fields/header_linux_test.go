// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package fields

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"protean/proto/wire"
	"protean/transport"
)

// A header is what somebody means a packet's IP header to be, or reads in it.
type header struct {
	src, dst netip.Addr
	ttl, tos uint8
	id       uint16 // IPv4
	df       bool   // IPv4
	flow     uint32 // IPv6
	protocol uint8
	options  []byte     // IPv4
	ext      []wire.Ext // IPv6, to be built

	chain   []byte // IPv6: the extension headers as they are on the wire
	payload []byte
}

// build returns the packet.
func (h *header) build(t *testing.T) []byte {
	t.Helper()
	var b []byte
	var err error
	if h.dst.Is4() {
		f := wire.IPv4Fields{
			TOS: h.tos, ID: h.id, DontFragment: h.df, TTL: h.ttl, Protocol: h.protocol,
			Src: h.src, Dst: h.dst, Options: h.options, PayloadLen: len(h.payload),
		}
		b = make([]byte, f.Len())
		err = f.Marshal(b)
	} else {
		f := wire.IPv6Fields{
			TrafficClass: h.tos, FlowLabel: h.flow, HopLimit: h.ttl, Protocol: h.protocol,
			Src: h.src, Dst: h.dst, Ext: h.ext, PayloadLen: len(h.payload),
		}
		b = make([]byte, f.Len())
		err = f.Marshal(b)
		h.chain = b[40:]
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(b, h.payload...)
}

// decode has gopacket read a packet.
func decode(t *testing.T, b []byte) *header {
	t.Helper()
	first := gopacket.LayerType(layers.LayerTypeIPv4)
	if b[0]>>4 == 6 {
		first = layers.LayerTypeIPv6
	}
	p := gopacket.NewPacket(bytes.Clone(b), first, gopacket.NoCopy)
	h := new(header)
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			h.src, _ = netip.AddrFromSlice(l.SrcIP)
			h.dst, _ = netip.AddrFromSlice(l.DstIP)
			h.ttl, h.tos, h.id, h.protocol = l.TTL, l.TOS, l.Id, uint8(l.Protocol)
			h.df = l.Flags&layers.IPv4DontFragment != 0
			h.options, h.payload = l.Contents[20:], l.Payload
			if again := serialize(t, l); !bytes.Equal(again[:20], l.Contents[:20]) {
				t.Errorf("gopacket has another header checksum: %x, not %x", again[:20], l.Contents[:20])
			}
		case *layers.IPv6:
			h.src, _ = netip.AddrFromSlice(l.SrcIP)
			h.dst, _ = netip.AddrFromSlice(l.DstIP)
			h.ttl, h.tos, h.flow, h.protocol = l.HopLimit, l.TrafficClass, l.FlowLabel, uint8(l.NextHeader)
			h.payload = l.Payload
		case *layers.IPv6HopByHop:
			h.chain, h.protocol, h.payload = append(h.chain, l.Contents...), uint8(l.NextHeader), l.Payload
		case *layers.IPv6Destination:
			h.chain, h.protocol, h.payload = append(h.chain, l.Contents...), uint8(l.NextHeader), l.Payload
		}
	}
	// What protocol 253 carries, nobody knows.
	if e := p.ErrorLayer(); e != nil && h.protocol != wire.ProtoExperimental1 {
		t.Errorf("gopacket refuses %x: %v", b, e.Error())
	}
	return h
}

// serialize has gopacket write a header that it has read.
func serialize(t *testing.T, ip *layers.IPv4) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	again := *ip
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, &again, gopacket.Payload(ip.Payload)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// told is what a packet's methods say.
func told(p *transport.Packet) *header {
	return &header{
		src: p.Src(), dst: p.Dst(), ttl: p.TTL(), tos: p.TOS(), id: p.ID(), df: p.DontFragment(), flow: p.FlowLabel(),
		protocol: p.Protocol(), options: p.Options(), chain: p.Ext(), payload: p.Payload(),
	}
}

// A marker makes payloads that are found again.
type marker uint32

const (
	markLen = 24
	echoID  = 0x1234
)

// payload returns the next payload: for ICMP, an echo request or reply with the
// mark in it.
func (m *marker) payload(t *testing.T, h *header, reply bool) []byte {
	t.Helper()
	*m++
	mark := binary.BigEndian.AppendUint32([]byte("field by field, number: "[:markLen-4]), uint32(*m))
	e := wire.ICMPEcho{Reply: reply, ID: echoID, Seq: uint16(*m), Data: mark}
	b := make([]byte, e.Len())
	var err error
	switch h.protocol {
	case wire.ProtoICMP:
		err = e.MarshalV4(b)
	case wire.ProtoICMPv6:
		err = e.MarshalV6(b, h.src, h.dst)
	default:
		return mark
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameMark tells whether a payload is the one that was meant: of ICMP, all but
// the checksum, which is checked by who receives it.
func sameMark(got, want []byte) bool {
	if len(got) != len(want) || len(want) < markLen {
		return false
	}
	n := len(want) - markLen
	return bytes.Equal(got[n:], want[n:]) && (n == 0 || got[0] == want[0])
}

func hex(b []byte) string { return fmt.Sprintf("%x", b) }
