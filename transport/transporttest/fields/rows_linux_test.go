// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package fields

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"protean/proto/wire"
	"protean/transport"
)

// A row is a header field.
type row struct {
	name  string // in the table of the guide
	v6    bool
	known transport.Field // 0: always known

	// set gives the field the values that are tried, one after the other.
	set []func(h *header, own own)

	get func(h *header) string

	// filled tells whether got is what becomes of given where somebody on the
	// way has filled it in as it should. nil: that is not its purpose.
	filled func(given, got *header, own own) bool

	sentOnly bool // such packets are not received
}

// own are the addresses of the sender: first, and of its other interface.
type own struct{ addr, other, dstOther netip.Addr }

func each[T any](set func(h *header, v T), values ...T) (all []func(*header, own)) {
	for _, v := range values {
		all = append(all, func(h *header, _ own) { set(h, v) })
	}
	return all
}

// rows returns the fields of both families.
func rows() []row {
	ttl := each(func(h *header, v uint8) { h.ttl = v }, 1, 37, 255)
	tos := each(func(h *header, v uint8) { h.tos = v }, 0xb8|1, 0x28|2, 0xff) // with all of ECN
	ttlOf := func(h *header) string { return fmt.Sprint(h.ttl) }
	tosOf := func(h *header) string { return fmt.Sprintf("%#x", h.tos) }
	idOf := func(h *header) string { return fmt.Sprint(h.id) }
	srcOf := func(h *header) string { return h.src.String() }
	dstOf := func(h *header) string { return h.dst.String() }
	optionsOf := func(h *header) string { return hex(h.options) }
	chainOf := func(h *header) string { return hex(h.chain) }
	option := func(b []byte) []func(*header, own) {
		return each(func(h *header, v []byte) { h.options = v }, b)
	}
	ext := func(e ...wire.Ext) []func(*header, own) {
		return each(func(h *header, v []wire.Ext) { h.ext = v }, e)
	}
	fromOther := []func(*header, own){func(h *header, o own) { h.src = o.other }}
	toOther := []func(*header, own){func(h *header, o own) { h.dst = o.dstOther }}
	fromAny := []func(*header, own){func(h *header, _ own) {
		if h.src = netip.IPv4Unspecified(); h.dst.Is6() {
			h.src = netip.IPv6Unspecified()
		}
	}}
	ownSource := func(_, got *header, o own) bool { return got.src == o.addr }
	alert := wire.Ext{Type: wire.ExtHopByHop, Data: wire.AppendIPv6RouterAlert(nil, 0xbeef)}
	// An option to be skipped by who does not know it (RFC 8200, section 4.2).
	dst := wire.Ext{Type: wire.ExtDestination, Data: wire.AppendIPv6Option(nil, 0x1e, []byte("option"))}
	return []row{
		{name: "TTL", known: transport.FieldTTL, set: ttl, get: ttlOf},
		{name: "TOS, with ECN", known: transport.FieldTOS, set: tos, get: tosOf},
		{name: "identification", known: transport.FieldID, get: idOf,
			set: each(func(h *header, v uint16) { h.id = v }, 0x1234, 0xffff)},
		{name: "identification 0", known: transport.FieldID, get: idOf, sentOnly: true,
			set:    each(func(h *header, v uint16) { h.id, h.df = 0, false }, 0),
			filled: func(_, got *header, _ own) bool { return got.id != 0 }},
		{name: "identification 0, with DF", known: transport.FieldID, get: idOf, sentOnly: true,
			set:    each(func(h *header, v uint16) { h.id, h.df = 0, true }, 0),
			filled: func(_, got *header, _ own) bool { return got.id != 0 }},
		{name: "DF", known: transport.FieldDF, get: func(h *header) string { return fmt.Sprint(h.df) },
			set: each(func(h *header, v bool) { h.df = v }, true, false)},
		{name: "router alert", known: transport.FieldOptions, get: optionsOf,
			set: option(wire.AppendIPv4RouterAlert(nil, 0))},
		{name: "record route", known: transport.FieldOptions, get: optionsOf, filled: recorded,
			set: option(append(wire.AppendIPv4RecordRoute(nil, 3), wire.IPv4OptEnd))},
		{name: "timestamp", known: transport.FieldOptions, get: optionsOf, filled: recorded,
			set: option(wire.AppendIPv4Timestamp(nil, wire.IPv4TimestampOnly, 3))},
		{name: "source, of another interface", get: srcOf, set: fromOther},
		{name: "source 0.0.0.0", get: srcOf, set: fromAny, filled: ownSource, sentOnly: true},
		{name: "destination", known: transport.FieldDst, get: dstOf, set: toOther},

		{name: "hop limit", v6: true, known: transport.FieldTTL, set: ttl, get: ttlOf},
		{name: "traffic class, with ECN", v6: true, known: transport.FieldTOS, set: tos, get: tosOf},
		{name: "flow label", v6: true, known: transport.FieldFlowLabel, get: func(h *header) string { return fmt.Sprintf("%#x", h.flow) },
			set: each(func(h *header, v uint32) { h.flow = v }, 0, 0x54321, 0xfffff)},
		{name: "hop-by-hop options", v6: true, known: transport.FieldExt, get: chainOf, set: ext(alert)},
		{name: "destination options", v6: true, known: transport.FieldExt, get: chainOf, set: ext(dst)},
		{name: "hop-by-hop and destination options", v6: true, known: transport.FieldExt, get: chainOf, set: ext(alert, dst)},
		{name: "source, of another interface", v6: true, get: srcOf, set: fromOther},
		{name: "source ::", v6: true, get: srcOf, set: fromAny, filled: ownSource, sentOnly: true},
		{name: "destination", v6: true, known: transport.FieldDst, get: dstOf, set: toOther},
	}
}

// recorded tells whether one entry was written into an option that asks for it:
// the first address to a record route, or a time to a timestamp.
func recorded(given, got *header, o own) bool {
	a, b := given.options, got.options
	if len(a) != len(b) || a[0] != b[0] || a[1] != b[1] || b[2] != a[2]+4 {
		return false
	}
	entry := b[a[2]-1:][:4]
	if a[0] == wire.IPv4OptRecordRoute {
		v := netip.AddrFrom4([4]byte(entry))
		return v == o.addr || v == o.other
	}
	const day = 24 * 60 * 60 * 1000 // RFC 791: milliseconds since midnight UT
	return binary.BigEndian.Uint32(entry) < day
}
