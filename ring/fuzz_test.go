// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import "testing"

// A ring's memory can hold anything. Reading it must end, stay inside it and not
// panic, and every word of a frame can be asked for.
func FuzzRxRing(f *testing.F) {
	k3, _ := newFakeV3(4096, 2)
	k3.block(StatusUser, "a", "bcd")
	k3.block(StatusUser | StatusBlockTimeout)
	f.Add(k3.mem, false)
	k2, _ := newFakeV2(4096, 1, 2048)
	k2.put(StatusUser, "a")
	k2.put(StatusUser, "b")
	f.Add(k2.mem, true)
	all := make([]byte, 8192)
	for i := range all {
		all[i] = 0xff
	}
	f.Add(all, false)
	f.Add(all, true)
	f.Fuzz(func(t *testing.T, content []byte, v2 bool) {
		mem := aligned(8192)
		copy(mem, content)
		var c cursor
		c.init(mem, v2, 4096, 2, 2048)
		var fr Frame
		frames, sum := 0, 0
		for fr.set(c.next()) {
			if frames++; frames > 2*4096/head3 {
				t.Fatal("more frames than there is room for")
			}
			if len(fr.Data) > 4096 || len(fr.Network()) > len(fr.Data) {
				t.Fatalf("a frame of %d bytes", len(fr.Data))
			}
			for _, b := range fr.Data {
				sum += int(b)
			}
			tci, tpid, _ := fr.VLAN()
			sum += fr.Len() + int(fr.Status()) + int(fr.UnixNano()) + int(fr.PacketType()) + int(fr.IfIndex()) +
				int(fr.Protocol()) + int(fr.HardwareType()) + len(fr.Source()) + int(tci) + int(tpid) + int(fr.Hash())
		}
		c.ready()
		_ = sum
	})
}

// FuzzTxRing has the kernel's side of a transmit ring be anything between the
// calls of ours, and those come in any order.
func FuzzTxRing(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add([]byte{0, 0, 0, 0, 9, 17, 25, 1, 5, 0, 0, 4, 3, 3, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		r := newFakeTx(4, 256)
		for i, op := range script {
			at := int(op>>3) % 5
			switch op % 6 {
			case 0:
				if i := r.lend(); i >= 0 {
					r.data(i)[0] = op
				}
			case 1:
				if r.request(at, int(op)) == nil && r.under == 0 {
					t.Fatal("nothing is under way")
				}
			case 2:
				r.rescue()
			case 3:
				release(r.at(at%4), v2Status, uint32(script[len(script)-1-i]))
			case 4:
				r.reap()
			case 5:
				r.free(at)
			}
			r.check(t)
		}
	})
}

// check checks what holds at any time.
func (t *txRing) check(tb testing.TB) {
	tb.Helper()
	lent := 0
	for i := range t.n {
		if !t.lent[i] {
			continue
		}
		lent++
		if (i-t.head+t.n)%t.n >= t.out {
			tb.Fatalf("frame %d is lent, and not in %d from %d on", i, t.out, t.head)
		}
	}
	if t.under < 0 || t.out < 0 || t.under+t.out > t.n || lent != t.count {
		tb.Fatalf("%d under way, %d lent or empty, %d lent of which %d are counted, of %d", t.under, t.out, lent, t.count, t.n)
	}
	if t.out > 0 && !t.lent[t.after(t.head, t.out-1)] {
		tb.Fatal("the last is not lent")
	}
}
