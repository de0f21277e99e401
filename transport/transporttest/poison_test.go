// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"protean/transport"
)

// keeper keeps what it must not keep.
type keeper struct {
	packet     *transport.Packet
	data, want []byte
	event      *transport.Event
	deliver    func(*transport.Packet)
}

func (k *keeper) Deliver(p *transport.Packet) {
	k.packet, k.data, k.want = p, p.Payload(), bytes.Clone(p.Payload())
	if k.deliver != nil {
		k.deliver(p)
	}
}

func (k *keeper) Event(e *transport.Event) { k.event = e }

// poisonedPair returns two connected transports, both under Poison, with a
// packet to send from the first to the second.
func poisonedPair(t *testing.T) (qa, qb transport.Queue, packet []byte) {
	t.Helper()
	a, b := newPair("", nil)
	pa, pb := Poison(a), Poison(b)
	t.Cleanup(func() { pa.Close(); pb.Close() })
	if err := pb.Bind(proto1); err != nil {
		t.Fatal(err)
	}
	d := &datagram{src: a.addrs[0], dst: b.addrs[0], protocol: proto1, ttl: 1, payload: []byte("payload")}
	return pa.Queues()[0], pb.Queues()[0], d.bytes()
}

// put sends packet through q and returns the slot it was in.
func put(t *testing.T, q transport.Queue, packet []byte) transport.Slot {
	t.Helper()
	var b transport.Batch
	if err := q.Reserve(&b, 1); err != nil {
		t.Fatal(err)
	}
	b.Slots[0].Data = append(b.Slots[0].Data, packet...)
	b.Slots[0].Stamp = true
	s := b.Slots[0]
	if n, err := q.Commit(&b, 1); n != 1 || err != nil {
		t.Fatalf("Commit returned %d, %v", n, err)
	}
	return s
}

func TestPoisonOverwritesWhatASinkKeeps(t *testing.T) {
	qa, qb, packet := poisonedPair(t)
	put(t, qa, packet)
	var k keeper
	if n, err := qb.Recv(&k, 1); n != 1 || err != nil {
		t.Fatalf("Recv returned %d, %v", n, err)
	}
	if string(k.want) != "payload" {
		t.Errorf("payload during Deliver was %q", k.want)
	}
	if !untouched(k.data) {
		t.Errorf("payload after Deliver is %x, want 0xDB only", k.data)
	}
	if got := k.packet.Src(); got != netip.AddrFrom4([4]byte{0xdb, 0xdb, 0xdb, 0xdb}) || k.packet.Len != 0xdbdbdbdb {
		t.Errorf("a kept packet still comes from %v and has %d bytes", got, k.packet.Len)
	}

	if _, err := qa.Recv(&k, 1); err != nil {
		t.Fatal(err)
	}
	if k.event == nil || k.event.Kind != poison || k.event.Sent != nil {
		t.Errorf("a kept event still is %+v", k.event)
	}
}

func TestPoisonOverwritesAPacketWhoseDeliveryPanicsWithTheNextRecv(t *testing.T) {
	qa, qb, packet := poisonedPair(t)
	put(t, qa, packet)
	k := keeper{deliver: func(*transport.Packet) { panic("in Deliver") }}
	if got := panicOf(func() { qb.Recv(&k, 1) }); got != "in Deliver" {
		t.Errorf("Recv panicked with %q", got)
	}
	if string(k.data) != "payload" {
		t.Errorf("payload after the panic is %x, want it valid until the next Recv", k.data)
	}
	if _, err := qb.Recv(&k, 1); err != nil {
		t.Fatal(err)
	}
	if !untouched(k.data) {
		t.Errorf("payload after the next Recv is %x, want 0xDB only", k.data)
	}
}

func TestPoisonOverwritesEveryPartOfAnEvent(t *testing.T) {
	var kept transport.Event
	k := &eventKeeper{&kept}
	quoted := []byte("quoted")
	(&poisonedSink{Sink: k}).Event(&transport.Event{
		Interface: &transport.Interface{Index: 3, HardwareAddr: []byte{1, 2}, Prefixes: make([]netip.Prefix, 1)},
		Sent:      &transport.Sent{Cookie: 5},
		Err:       &transport.NetworkError{MTU: 1280, Quoted: quoted},
	})
	if kept.Interface.Index == 3 || kept.Sent.Cookie == 5 || kept.Err.MTU == 1280 || !untouched(kept.Err.Quoted) {
		t.Errorf("parts of a kept event are as they were: %+v %+v %+v", kept.Interface, kept.Sent, kept.Err)
	}
	if string(quoted) != "quoted" {
		t.Errorf("the transport's own event was overwritten")
	}
}

type eventKeeper struct{ kept *transport.Event }

func (*eventKeeper) Deliver(*transport.Packet)  {}
func (k *eventKeeper) Event(e *transport.Event) { *k.kept = *e }

func TestPoisonFillsSlots(t *testing.T) {
	qa, _, packet := poisonedPair(t)
	var b transport.Batch
	if err := qa.Reserve(&b, 1); err != nil {
		t.Fatal(err)
	}
	if s := b.Slots[0]; len(s.Data) != 0 || !untouched(s.Data) {
		t.Errorf("a reserved slot holds %x, want 0xDB only", s.Data[:cap(s.Data)])
	}
	qa.Commit(&b, 0)
	if s := put(t, qa, packet); !untouched(s.Data) {
		t.Errorf("a committed slot still holds %x", s.Data)
	}
}

func TestPoisonPanicsForBrokenRulesAboutSlots(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(q transport.Queue, b *transport.Batch, packet []byte)
		says string
	}{
		{"memory of the caller's own", func(q transport.Queue, b *transport.Batch, packet []byte) {
			b.Slots[0].Data = packet
			q.Commit(b, 1)
		}, "not the memory that was reserved"},
		{"no memory", func(q transport.Queue, b *transport.Batch, packet []byte) {
			b.Slots[0].Data = nil
			q.Commit(b, 1)
		}, "not the memory that was reserved"},
		{"memory of another slot", func(q transport.Queue, b *transport.Batch, packet []byte) {
			q.Reserve(b, 1)
			b.Slots[0].Data = b.Slots[1].Data
			q.Commit(b, 2)
		}, "not the memory that was reserved"},
		{"a slot committed twice", func(q transport.Queue, b *transport.Batch, packet []byte) {
			b.Slots[0].Data = append(b.Slots[0].Data, packet...)
			again := transport.Batch{Slots: append([]transport.Slot(nil), b.Slots...)}
			q.Commit(b, 1)
			q.Commit(&again, 1)
		}, "committed before"},
		{"a slot given back and then committed", func(q transport.Queue, b *transport.Batch, packet []byte) {
			again := transport.Batch{Slots: append([]transport.Slot(nil), b.Slots...)}
			q.Commit(b, 0)
			q.Commit(&again, 1)
		}, "committed before"},
		{"a slot that is in the batch twice", func(q transport.Queue, b *transport.Batch, packet []byte) {
			b.Slots = append(b.Slots, b.Slots[0])
			q.Commit(b, 2)
		}, "in the batch twice"},
		{"a slot written after its Commit", func(q transport.Queue, b *transport.Batch, packet []byte) {
			late := append(b.Slots[0].Data, packet...)
			b.Slots[0].Data = late
			q.Commit(b, 1)
			late[3]++
			q.Reserve(b, 1)
		}, "written after its Commit"},
		{"Recv from within Deliver", func(q transport.Queue, b *transport.Batch, packet []byte) {
			pq := q.(*poisonedQueue)
			pq.Queue.(*mem).events = []transport.Event{{Kind: transport.PacketsLost}}
			q.Recv(nested{q}, 1)
		}, "Recv is called while another call"},
	} {
		t.Run(c.name, func(t *testing.T) {
			qa, _, packet := poisonedPair(t)
			var b transport.Batch
			if err := qa.Reserve(&b, 1); err != nil {
				t.Fatal(err)
			}
			if got := panicOf(func() { c.do(qa, &b, packet) }); !strings.Contains(got, c.says) {
				t.Errorf("panicked with %q, want one that says %q", got, c.says)
			}
		})
	}
}

// nested calls Recv from within Recv.
type nested struct{ q transport.Queue }

func (n nested) Deliver(*transport.Packet) {}
func (n nested) Event(*transport.Event)    { n.q.Recv(n, 1) }

// panicOf returns what f panics with, "" if it does not.
func panicOf(f func()) (s string) {
	defer func() {
		if v := recover(); v != nil {
			s = v.(string)
		}
	}()
	f()
	return ""
}

func TestPoisonKeepsTheOrderOfADroppedPacketsBatch(t *testing.T) {
	qa, qb, packet := poisonedPair(t)
	var b transport.Batch
	for len(b.Slots) < 5 {
		if err := qa.Reserve(&b, 5-len(b.Slots)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		b.Slots[i].Data = append(b.Slots[i].Data, packet...)
		b.Slots[i].Data[len(packet)-1] = byte(i)
	}
	b.Drop()
	if n, err := qa.Commit(&b, 3); n != 3 || err != nil || len(b.Slots) != 0 {
		t.Fatalf("Commit returned %d, %v and left %d slots", n, err, len(b.Slots))
	}
	var got []byte
	k := keeper{deliver: func(p *transport.Packet) { got = append(got, p.Payload()[6]) }}
	if _, err := qb.Recv(&k, 10); err != nil || !bytes.Equal(got, []byte{1, 2, 3}) {
		t.Errorf("delivered packets %d with error %v, want 1 2 3", got, err)
	}
}

func TestAbilitiesAreFoundThroughPoison(t *testing.T) {
	a, _ := newPair("", nil)
	p := Poison(a)
	if r, ok := transport.As[transport.StatsReader](p); !ok || r != transport.StatsReader(a) {
		t.Errorf("StatsReader through Poison is %v, %v", r, ok)
	}
	if m, ok := transport.As[*mem](Poison(p)); !ok || m != a {
		t.Errorf("the transport through two decorators is %v, %v", m, ok)
	}
	a.Close()
}
