// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"protean/transport"
)

func TestHeapKeepsTheOrderOfTimeThenSequence(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var h heap
	sources := make([]source, 200)
	model := map[*source]event{}
	for seq := range uint64(50000) {
		s := &sources[r.IntN(len(sources))]
		switch r.IntN(4) {
		case 0, 1:
			at := int64(r.IntN(50))
			h.set(s, at, seq)
			model[s] = event{at, seq, s}
		case 2:
			h.remove(s)
			delete(model, s)
		case 3:
			if h.len() == 0 {
				continue
			}
			top := *h.top()
			for _, e := range model {
				if e.before(&top) {
					t.Fatalf("%v is on top, %v should be", top, e)
				}
			}
			h.remove(top.src)
			delete(model, top.src)
		}
		if h.len() != len(model) {
			t.Fatalf("%d events, want %d", h.len(), len(model))
		}
	}
}

func TestASetHasWhatWasAdded(t *testing.T) {
	var s set[int]
	for i := range 3 * few {
		if s.has(i) {
			t.Fatalf("%d is there before it was added", i)
		}
		s.add(i)
		s.add(i)
		for k := range 3 * few {
			if s.has(k) != (k <= i) {
				t.Fatalf("%d of %d: %v", k, i, s.has(k))
			}
		}
	}
	if len(s.list) != 3*few {
		t.Errorf("%d elements", len(s.list))
	}
}

func TestBuffersAreLargeEnoughAndUsedAgain(t *testing.T) {
	var b buffers
	for n := 1; n <= maxPacket; n += 13 {
		buf := b.get(n)
		c := class(n)
		if len(buf) != n || cap(buf) != classSize(c) || class(cap(buf)) != c || c > 0 && classSize(c-1) >= n {
			t.Fatalf("%d bytes: length %d, capacity %d, class %d", n, len(buf), cap(buf), c)
		}
		b.put(buf)
		if len(b.free[c]) != 1 {
			t.Fatalf("%d bytes: %d free buffers of class %d", n, len(b.free[c]), c)
		}
	}
	b.put(nil)
}

// What is remembered of crashes does not grow with their number.
func TestPacketsLostByCrashesAreForgottenWhenTheyAreGone(t *testing.T) {
	n := New(nil)
	defer n.Close()
	var ports []*Port
	for i, name := range []string{"a", "b"} {
		nd, err := n.Node(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := nd.AddInterface("eth0", netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24))
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, p)
	}
	l, err := n.Connect(ports[0], ports[1], &LinkConfig{Rate: 8000, Delay: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	const crashes = 5
	for i := range crashes {
		h, err := ports[0].node.Open(nil)
		if err != nil {
			t.Fatal(err)
		}
		var b transport.Batch
		if err := h.q.Reserve(&b, 1); err != nil {
			t.Fatal(err)
		}
		s := &b.Slots[0]
		s.Data = s.Data[:100]
		clear(s.Data)
		s.Data[0], s.Data[8], s.Data[9] = 0x45, 64, 253
		copy(s.Data[16:], []byte{10, 0, 0, 2})
		if _, err := h.q.Commit(&b, 1); err != nil {
			t.Fatal(err)
		}
		ports[0].node.Crash()
		if len(l.dirs[0].dead) != 1 {
			t.Errorf("crash %d: %v are remembered", i, l.dirs[0].dead)
		}
		if err := n.Run(time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := ports[0].node.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	if forth, _ := l.Stats(); len(l.dirs[0].dead) != 0 || forth.Down != crashes {
		t.Errorf("%v are remembered, %+v", l.dirs[0].dead, forth)
	}
}
