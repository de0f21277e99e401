// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"encoding/binary"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/proto/prototest"
	"protean/transport"
)

// firstFragments are the first fragment of an IPv4 and of an IPv6 packet.
func firstFragments(protocol uint8) [][]byte {
	four := frame(protocol, "10.0.0.1", "10.0.0.2", "8 bytes.")
	four[6] = 0x20 // more fragments
	four[10], four[11] = 0, 0
	binary.BigEndian.PutUint16(four[10:], checksum.Checksum(four[:20]))
	head := string([]byte{protocol, 0, 0, 1, 0, 0, 0, 9}) // more fragments
	return [][]byte{four, frame(44, "fe80::1", "fe80::2", head+"8 bytes.")}
}

// The transport says that it reassembles, so that the host does not: what it
// delivers as a fragment is one to the handlers.
func TestFragmentsComeOnlyWhenAskedFor(t *testing.T) {
	for _, ask := range []bool{false, true} {
		r := newRig(1)
		h := rigHost(t, r, nil)
		got := new(prototest.Recorder)
		b, err := h.HandleWith(got, &proto.Options{Protocols: []uint8{253}, Fragments: ask})
		if err != nil {
			t.Fatal(err)
		}
		r.qs[0].put(firstFragments(253)...)
		r.qs[0].put(in(253))
		poll(t, h, time.Now())
		want, dropped := []string{"x"}, uint64(2)
		if ask {
			want, dropped = []string{"8 bytes.", "8 bytes.", "x"}, 0
		}
		got.Want(t, want...)
		if s := addsUp(t, h); s.Dropped[transport.FragmentUnexpected] != dropped || b.Stats().Taken != uint64(len(want)) {
			t.Errorf("asked %v: %d unexpected fragments, %d taken; want %d and %d", ask, s.Dropped[transport.FragmentUnexpected], b.Stats().Taken, dropped, len(want))
		}
	}
}

func TestFragmentsGoToThoseWhoAskedAmongMany(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	var got [3]prototest.Recorder
	for i, o := range []proto.Options{
		{Observe: true},
		{Shared: true},
		{Shared: true, Fragments: true},
	} {
		o.Protocols = []uint8{253}
		if _, err := h.HandleWith(&got[i], &o); err != nil {
			t.Fatal(err)
		}
	}
	r.qs[0].put(firstFragments(253)[0], in(253))
	poll(t, h, time.Now())
	got[0].Want(t, "x")
	got[1].Want(t, "x")
	got[2].Want(t, "8 bytes.")
	if s := addsUp(t, h); s.Taken != 2 || s.Dropped.Total() != 0 {
		t.Errorf("taken %d, dropped %d, want 2 and 0", s.Taken, s.Dropped.Total())
	}
}

// TestFragmentsWithATagAndWithoutAreOfDifferentPackets: an untagged VLAN and a tagged one
// can have the same addresses.
func TestFragmentsWithATagAndWithoutAreOfDifferentPackets(t *testing.T) {
	r := newRig(1)
	r.caps.Reassembles = false
	h := rigHost(t, r, nil)
	got := new(prototest.Recorder)
	handle(t, h, 253, got)
	first := firstFragments(253)[0]
	last := frame(253, "10.0.0.1", "10.0.0.2", "the rest")
	last[7] = 1 // at 8 bytes
	last[10], last[11] = 0, 0
	binary.BigEndian.PutUint16(last[10:], checksum.Checksum(last[:20]))
	r.qs[0].put(first)
	poll(t, h, time.Now())
	r.qs[0].flags |= transport.FlagVLAN
	r.qs[0].put(last)
	poll(t, h, time.Now())
	got.Want(t)
	r.qs[0].put(first)
	poll(t, h, time.Now())
	got.Want(t, "8 bytes.the rest")
}
