// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package fields

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"protean/proto/wire"
	"protean/transport"
)

// others are what is known of a packet beside its header.
var others = []struct {
	name string
	try  func(t *testing.T, b *bench, v6 bool) (sent, received string)
}{
	{"interface", interfaces},
	{"time", times},
	{"fragments", fragments},
}

// groups are multicast groups of the link that nobody is in.
var groups = [2]netip.Addr{netip.MustParseAddr("224.0.0.253"), netip.MustParseAddr("ff02::fd")}

// interfaces sends to a group by each interface, and receives by each.
func interfaces(t *testing.T, b *bench, v6 bool) (sent, received string) {
	for _, on := range b.wires {
		h := b.header(v6)
		h.src = b.addr[0][on][family(v6)]
		h.dst = groups[family(v6)]
		h.payload = b.mark.payload(t, h, false)
		must(t, commit(b.tr, transport.Slot{IfIndex: int32(b.index[on]), Frag: mode(h)}, h.build(t)))
		f := b.next(func(p []byte) bool { return sameMark(decode(t, p).payload, h.payload) })
		switch {
		case f == nil:
			t.Fatal("nothing arrived")
		case f.on != on:
			t.Errorf("it came by wire %d, sent by %d", f.on, on)
		}
		sent = same
		if b.caps.SendOnly {
			continue
		}
		back := b.back(v6, on)
		back.payload = b.mark.payload(t, back, true)
		b.write(on, back.build(t))
		if p := b.receive(t, back.payload, 1)[0]; int(p.IfIndex) != b.index[on] || p.Type() != transport.PacketHost {
			t.Errorf("received by interface %d as %v, came by %d to this host", p.IfIndex, p.Type(), b.index[on])
		}
		received = same
	}
	return sent, received
}

var sources = [...]string{transport.TimeNone: unknown, transport.TimeUser: "user", transport.TimeKernel: "kernel", transport.TimeHardware: "hardware"}

// times has a packet stamped when it is sent, and looks at the time of another
// one's arrival.
func times(t *testing.T, b *bench, v6 bool) (sent, received string) {
	// Clocks of the kernel are read on other processors.
	within := func(what string, at, from time.Time) {
		if at.Before(from.Add(-time.Millisecond)) || at.After(b.now().Add(time.Millisecond)) {
			t.Errorf("%s at %v, which is not between %v and %v", what, at, from, b.now())
		}
	}
	h := b.header(v6)
	h.payload = b.mark.payload(t, h, false)
	from := b.now()
	b.events = nil
	must(t, commit(b.tr, transport.Slot{Stamp: true, Cookie: 4711, Frag: mode(h)}, h.build(t)))
	if b.next(func(p []byte) bool { return sameMark(decode(t, p).payload, h.payload) }) == nil {
		t.Fatal("nothing arrived")
	}
	sent = sources[b.caps.TxTime]
	if !b.caps.SendOnly {
		patience := time.Now().Add(20 * time.Millisecond)
		b.drain(t, sink{b, func(*transport.Packet) {}}, func() bool {
			return len(b.events) > 0 || b.caps.TxTime == transport.TimeNone && time.Now().After(patience)
		})
		switch {
		case b.caps.TxTime == transport.TimeNone && len(b.events) > 0:
			t.Errorf("a stamp, and Caps.TxTime says that there are none: %+v", b.events)
		case b.caps.TxTime != transport.TimeNone && (len(b.events) != 1 || b.events[0].Cookie != 4711 || b.events[0].Source != b.caps.TxTime || b.events[0].Protocol != h.protocol):
			t.Errorf("stamps %+v; Caps.TxTime is %v", b.events, b.caps.TxTime)
		case b.caps.TxTime != transport.TimeNone:
			within("sent", time.Unix(0, b.events[0].Time), from)
		}
	}
	if b.caps.SendOnly {
		return sent, ""
	}
	h = b.back(v6, 0)
	h.payload = b.mark.payload(t, h, true)
	from = b.now()
	b.write(0, h.build(t))
	p := b.receive(t, h.payload, 1)[0]
	within("received", p.Time(), from)
	return sent, sources[p.TimeSource()]
}

// What becomes of packets above the MTU, and of fragments.
const (
	cutBelow  = "cut"
	tooBig    = "refused"
	asTheyAre = "as they are"
	sized     = "FragSize"
	unsized   = "whole"
)

// fragments sends a packet above the MTU, and receives one in three fragments,
// the largest of which is the first.
func fragments(t *testing.T, b *bench, v6 bool) (sent, received string) {
	h := b.header(v6)
	h.payload = append(b.mark.payload(t, h, false), make([]byte, 2000)...)
	err := commit(b.tr, transport.Slot{Frag: mode(h)}, h.build(t))
	var big *transport.TooBigError
	switch {
	case errors.As(err, &big):
		sent = tooBig
		if b.caps.Fragments || big.MTU != 1500 {
			t.Errorf("%v, MTU %d; Caps.Fragments is %v", err, big.MTU, b.caps.Fragments)
		}
	default:
		must(t, err)
		sent = cutBelow
		cut := b.next(func(p []byte) bool {
			return v6 && p[0]>>4 == 6 && p[6] == wire.ExtFragment || !v6 && p[0]>>4 == 4 && p[6]&0x20 != 0
		})
		if !b.caps.Fragments || cut == nil {
			t.Errorf("no fragment arrived; Caps.Fragments is %v", b.caps.Fragments)
		}
	}
	if b.caps.SendOnly {
		return sent, ""
	}
	h = b.back(v6, 0)
	h.payload = b.mark.payload(t, h, true)
	largest := 0
	const first, n = 16, 3
	for i := range n {
		from, to := 0, first
		if i > 0 {
			from, to = first+8*(i-1), first+8*i
		}
		if i == n-1 {
			to = len(h.payload)
		}
		f := fragment(t, h, from, to)
		largest = max(largest, len(f))
		b.write(0, f)
	}
	if !b.caps.Reassembles {
		for _, p := range b.receive(t, h.payload, n) {
			if !p.Fragment() {
				t.Error("it came whole, and Caps.Reassembles is not set")
			}
		}
		return sent, asTheyAre
	}
	p := b.receive(t, h.payload, 1)[0]
	switch {
	case p.Fragment():
		t.Error("a fragment came, and Caps.Reassembles is set")
	case int(p.FragSize) == largest:
		return sent, sized
	case p.FragSize == 0:
		return sent, unsized
	}
	t.Errorf("FragSize %d, the largest fragment had %d bytes", p.FragSize, largest)
	return sent, unsized
}

// fragment returns the fragment with bytes from to to of the payload.
func fragment(t *testing.T, h *header, from, to int) []byte {
	t.Helper()
	f := *h
	f.payload = h.payload[from:to]
	more := to < len(h.payload)
	const id = 0x2222
	if f.dst.Is4() {
		w := wire.IPv4Fields{
			ID: id, MoreFragments: more, FragmentOffset: from, TTL: f.ttl, Protocol: f.protocol,
			Src: f.src, Dst: f.dst, PayloadLen: len(f.payload),
		}
		b := make([]byte, w.Len())
		must(t, w.Marshal(b))
		return append(b, f.payload...)
	}
	word := uint16(from)
	if more {
		word |= 1
	}
	f.ext = []wire.Ext{{Type: wire.ExtFragment, Data: binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(nil, word), id)}}
	return f.build(t)
}
