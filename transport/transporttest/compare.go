// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"bytes"
	"time"

	"protean/transport"
)

// clockSlack is how far an arrival time may be from the time at which the
// trial saw the packet: it is there to find wrong units and wrong epochs.
const clockSlack = time.Minute

// compare fails unless p, received by to, is d, sent by from.
func (x *trial) compare(p *transport.Packet, d *datagram, from, to *Endpoint) {
	x.compareAddressing(p, d, to)
	known, built := to.Transport.Caps().Known4, from.Transport.Caps().BuildsHeader
	if d.src.Is6() {
		known = to.Transport.Caps().Known6
	}
	if !p.Known(known) {
		x.errorf("a field that Caps says is known is not known in the packet")
	}
	if !built {
		x.compareFields(p, d)
	}
	if got := p.Payload(); !bytes.Equal(got, d.payload) {
		x.errorf("payload is %x, want %x", got, d.payload)
	}
	if p.Fragment() || p.FragSize != 0 {
		x.errorf("a packet that came whole says that it is a fragment, or was reassembled from some (FragSize %d)", p.FragSize)
	}
	x.compareTime(p, to)

	all := transport.FieldsAll4
	if d.src.Is6() {
		all = transport.FieldsAll6
	}
	if built || !p.Known(all) {
		return
	}
	got, want := bytes.Clone(p.Data), d.bytes()
	if d.src.Is4() { // the kernel may leave the checksum of a header it changed as it was
		got[10], got[11], want[10], want[11] = 0, 0, 0, 0
	}
	if !bytes.Equal(got, want) {
		x.errorf("packet is %x, want %x", got, want)
	}
}

func (x *trial) compareAddressing(p *transport.Packet, d *datagram, to *Endpoint) {
	if p.Is6() != d.src.Is6() || p.Is6() != (p.Version() == 6) {
		x.fatalf("packet from %v has version %d", d.src, p.Version())
	}
	if p.Src() != d.src {
		x.errorf("source is %v, want %v", p.Src(), d.src)
	}
	if p.Known(transport.FieldDst) && p.Dst() != d.dst {
		x.errorf("destination is %v, want %v", p.Dst(), d.dst)
	}
	if p.Protocol() != d.protocol {
		x.errorf("protocol is %d, want %d", p.Protocol(), d.protocol)
	}
	if p.IfIndex != 0 && int(p.IfIndex) != to.IfIndex {
		x.errorf("interface is %d, want %d", p.IfIndex, to.IfIndex)
	}
	if p.Truncated() || int(p.Len) != len(p.Data) {
		x.errorf("%d bytes of %d are there", len(p.Data), p.Len)
	}
}

// compareFields compares what is known of the header. A field that is not
// known must be zero.
func (x *trial) compareFields(p *transport.Packet, d *datagram) {
	type field struct {
		name      string
		f         transport.Field
		got, want any
		zero      any
	}
	fields := []field{
		{"TTL", transport.FieldTTL, p.TTL(), d.ttl, uint8(0)},
		{"TOS", transport.FieldTOS, p.TOS(), d.tos, uint8(0)},
	}
	if d.src.Is4() {
		fields = append(fields,
			field{"ID", transport.FieldID, p.ID(), d.id, uint16(0)},
			field{"DF", transport.FieldDF, p.DontFragment(), d.df, false},
			field{"options", transport.FieldOptions, string(p.Options()), string(d.options), ""})
	} else {
		fields = append(fields, field{"flow label", transport.FieldFlowLabel, p.FlowLabel(), d.flow, uint32(0)})
		ext := bytes.Clone(d.ext)
		if len(ext) > 0 {
			ext[0] = d.protocol
		}
		fields = append(fields, field{"extension headers", transport.FieldExt, string(p.Ext()), string(ext), ""})
	}
	for _, f := range fields {
		switch known := p.Known(f.f); {
		case known && f.got != f.want:
			x.errorf("%s is %#v, want %#v", f.name, f.got, f.want)
		case !known && f.got != f.zero:
			x.errorf("%s is not known, but %#v", f.name, f.got)
		}
	}
}

func (x *trial) compareTime(p *transport.Packet, to *Endpoint) {
	switch p.TimeSource() {
	case transport.TimeNone:
		if !p.Time().IsZero() {
			x.errorf("there is no time source, but a time: %v", p.Time())
		}
	case transport.TimeHardware: // the card's clock may be set to anything
	default:
		x.plausible(p.Time(), to, "arrival")
	}
}

// plausible fails unless t is about the time on the endpoint's clock.
func (x *trial) plausible(t time.Time, e *Endpoint, what string) {
	now := time.Now()
	if c, ok := transport.As[transport.Clock](e.Transport); ok {
		now = c.Now()
	}
	if d := now.Sub(t); d < -clockSlack || d > clockSlack {
		x.errorf("%s time is %v, seen at %v", what, t, now)
	}
}
