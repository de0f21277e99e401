// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"net/netip"
	"testing"

	"protean/proto/wire"
)

func TestIPv4OptionIterator(t *testing.T) {
	tests := []struct {
		name   string
		b      []byte
		types  []uint8
		offset int
		bad    wire.Malformed
	}{
		{"no options", nil, nil, 0, wire.NotMalformed},
		{"end of option list at once", []byte{0, 7, 0, 0}, nil, 0, wire.NotMalformed},
		{"only no operation", []byte{1, 1, 1, 1}, []uint8{1, 1, 1, 1}, 4, wire.NotMalformed},
		{"router alert, then the end", []byte{0x94, 4, 0, 0, 0, 9, 9, 9}, []uint8{0x94}, 4, wire.NotMalformed},
		{"an option of two bytes", []byte{0x99, 2, 1, 1}, []uint8{0x99, 1, 1}, 4, wire.NotMalformed},
		{"a type without length", []byte{1, 1, 1, 7}, []uint8{1, 1, 1}, 3, wire.BadOption},
		{"a length of 0", []byte{7, 0, 0, 0}, nil, 0, wire.BadOption},
		{"a length of 1", []byte{1, 7, 1, 0}, []uint8{1}, 1, wire.BadOption},
		{"a length one past the end", []byte{7, 5, 4, 0}, nil, 0, wire.BadOption},
		{"a length of 255", []byte{0x94, 4, 0, 0, 7, 255, 4, 0}, []uint8{0x94}, 4, wire.BadOption},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			it := wire.NewIPv4OptionIterator(tt.b)
			var types []uint8
			for it.Next() {
				o := it.Option()
				types = append(types, o.Type)
				check(t, "Offset+Len", o.Offset+o.Len(), it.Offset())
			}
			checkBytes(t, "types", types, tt.types)
			check(t, "Offset", it.Offset(), tt.offset)
			check(t, "Err", it.Err(), tt.bad)
			if it.Next() {
				t.Error("Next goes on after the end")
			}
		})
	}
}

func TestIPv4OptionTypeParts(t *testing.T) {
	tests := []struct {
		name          string
		typ           uint8
		copied        bool
		class, number uint8
	}{
		{"record route is not copied", wire.IPv4OptRecordRoute, false, 0, 7},
		{"timestamp is of class 2", wire.IPv4OptTimestamp, false, 2, 4},
		{"loose source route is copied", wire.IPv4OptLSRR, true, 0, 3},
		{"strict source route is copied", wire.IPv4OptSSRR, true, 0, 9},
		{"router alert is copied", wire.IPv4OptRouterAlert, true, 0, 20},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := wire.IPv4Option{Type: tt.typ}
			check(t, "Copied", o.Copied(), tt.copied)
			check(t, "Class", o.Class(), tt.class)
			check(t, "Number", o.Number(), tt.number)
		})
	}
}

// option returns the only option in b.
func option(t *testing.T, b []byte) wire.IPv4Option {
	t.Helper()
	it := wire.NewIPv4OptionIterator(b)
	if !it.Next() {
		t.Fatalf("no option in %x: %v", b, it.Err())
	}
	o := it.Option()
	if it.Next() || it.Err() != wire.NotMalformed || it.Offset() != len(b) {
		t.Fatalf("more than one option in %x", b)
	}
	return o
}

func TestRecordRoute(t *testing.T) {
	b := wire.AppendIPv4RecordRoute(nil, 9)
	check(t, "length of nine slots", len(b), 39)
	check(t, "length of ten slots", len(wire.AppendIPv4RecordRoute(nil, 10)), 39)
	check(t, "length of minus one slots", len(wire.AppendIPv4RecordRoute(nil, -1)), 3)
	o := option(t, b)
	check(t, "Recorded when empty", o.Recorded(), 0)

	b[2] = 12 // two recorded
	copy(b[3:], []byte{192, 0, 2, 1, 192, 0, 2, 2})
	check(t, "Recorded", o.Recorded(), 2)
	for i, want := range []string{"192.0.2.1", "192.0.2.2", "0.0.0.0"} {
		got, ok := o.Route(i)
		if !ok || got != addr(want) {
			t.Errorf("Route(%d) = %v, %v, want %s", i, got, ok, want)
		}
	}
	if _, ok := o.Route(9); ok {
		t.Error("a tenth entry of nine")
	}
	if _, ok := o.Route(-1); ok {
		t.Error("an entry before the first")
	}
	for pointer, want := range map[byte]int{0: 0, 3: 0, 4: 0, 7: 0, 8: 1, 40: 9, 44: 9, 255: 9} {
		b[2] = pointer
		if got := o.Recorded(); got != want {
			t.Errorf("pointer %d: Recorded = %d, want %d", pointer, got, want)
		}
	}
}

func TestSourceRoute(t *testing.T) {
	b := wire.AppendIPv4SourceRoute(nil, wire.IPv4OptLSRR, addr("192.0.2.1"), addr("::1"), addr("192.0.2.2"))
	checkBytes(t, "option", b, []byte{
		131, 11, 4, // LSRR, length, pointer
		192, 0, 2, 1,
		192, 0, 2, 2, // ::1 is left out
	})
	hops := make([]netip.Addr, 12)
	for i := range hops {
		hops[i] = addr("192.0.2.9")
	}
	check(t, "length with twelve hops", len(wire.AppendIPv4SourceRoute([]byte{1}, wire.IPv4OptSSRR, hops...)), 40)
}

func TestTimestampOption(t *testing.T) {
	b := wire.AppendIPv4Timestamp(nil, wire.IPv4TimestampAddr, 3)
	checkBytes(t, "header", b[:4], []byte{68, 28, 5, 1})
	check(t, "length", len(b), 28)
	o := option(t, b)
	if _, _, ok := o.Timestamp(0); ok {
		t.Error("an entry in an empty option")
	}
	b[2] = 12 // not yet behind the first entry
	if _, _, ok := o.Timestamp(0); ok {
		t.Error("an entry that is not complete")
	}
	b[2] = 13 // one recorded
	copy(b[4:], []byte{192, 0, 2, 7, 0, 0, 1, 0})
	ms, a, ok := o.Timestamp(0)
	if ms != 256 || a != addr("192.0.2.7") || !ok {
		t.Errorf("Timestamp(0) = %d, %v, %v", ms, a, ok)
	}
	if _, _, ok := o.Timestamp(1); ok {
		t.Error("an entry behind the pointer")
	}
	b[2] = 255
	if _, _, ok := o.Timestamp(3); ok {
		t.Error("an entry behind the end of the option")
	}

	b = wire.AppendIPv4Timestamp(nil, wire.IPv4TimestampOnly, 100)
	check(t, "length of the most timestamps", len(b), 40)
	b[2], b[7] = 9, 42
	if ms, a, ok := option(t, b).Timestamp(0); ms != 42 || a.IsValid() || !ok {
		t.Errorf("timestamp without address: %d, %v, %v", ms, a, ok)
	}

	five := []netip.Addr{addr("1.0.0.1"), addr("1.0.0.2"), addr("1.0.0.3"), addr("1.0.0.4"), addr("1.0.0.5")}
	b = wire.AppendIPv4TimestampPrespecified(nil, five...)
	check(t, "length of five prespecified", len(b), 36)
	checkBytes(t, "prespecified", b[:12], []byte{68, 36, 5, 3, 1, 0, 0, 1, 0, 0, 0, 0})
}
