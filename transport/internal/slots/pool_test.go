// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package slots

import (
	"errors"
	"testing"

	"protean/transport"
)

func TestSlotsAreLentOnceAndComeBack(t *testing.T) {
	var p Pool
	p.Init(4, 128)
	var b transport.Batch
	if err := p.Reserve(&b, 0); err != nil || len(b.Slots) != 0 {
		t.Fatalf("none asked for: %d slots, %v", len(b.Slots), err)
	}
	if err := p.Reserve(&b, 9); err != nil || len(b.Slots) != 4 {
		t.Fatalf("%d slots, %v, want all four", len(b.Slots), err)
	}
	for i := range b.Slots {
		s := &b.Slots[i]
		if s.Ref != uint64(i+1) || len(s.Data) != 0 || cap(s.Data) != 128 {
			t.Errorf("slot %d: number %d, %d of %d bytes", i, s.Ref, len(s.Data), cap(s.Data))
		}
		s.Data = append(s.Data, byte(i))
	}
	for i, s := range b.Slots {
		if s.Data[0] != byte(i) {
			t.Errorf("slot %d has the memory of another", i)
		}
	}
	var other transport.Batch
	if err := p.Reserve(&other, 1); !errors.Is(err, transport.ErrNoSlots) {
		t.Errorf("a fifth slot: %v", err)
	}
	if n := p.Begin(&b, 3); n != 3 || len(b.Slots) != 3 {
		t.Errorf("%d to send, %d slots", n, len(b.Slots))
	}
	if !p.End(&b, 2) || len(b.Slots) != 1 || b.Slots[0].Ref != 3 {
		t.Errorf("nobody is woken, or %d slots are left", len(b.Slots))
	}
	if p.End(&b, 0) {
		t.Error("woken twice")
	}
	if n := p.Begin(&b, -1); n != 0 || len(b.Slots) != 0 {
		t.Errorf("%d to send of none, %d slots", n, len(b.Slots))
	}
	if err := p.Reserve(&b, 4); err != nil || len(b.Slots) != 4 {
		t.Errorf("%d slots came back, %v", len(b.Slots), err)
	}
}

func TestLendingAllocatesNothing(t *testing.T) {
	var p Pool
	p.Init(8, 64)
	b := transport.Batch{Slots: make([]transport.Slot, 0, 8)}
	if n := testing.AllocsPerRun(100, func() {
		p.Reserve(&b, 8)
		p.End(&b, p.Begin(&b, 6))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
