// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package fields

import (
	"errors"
	"testing"
	"time"

	"protean/transport"
)

// What becomes of a field, in the words of the guide, from best to worst.
const (
	same    = "yes"       // as given, or as on the wire
	filled  = "filled in" // as it asks for
	kernels = "kernel"    // something else: the kernel decides
	unknown = "–"         // Known says that it is not known
	refused = "refused"   // with an *UnsupportedError
)

var badness = map[string]int{same: 0, filled: 1, kernels: 2, unknown: 3, refused: 4}

func worse(a, b string) string {
	if a == "" || badness[b] > badness[a] {
		return b
	}
	return a
}

// TestFieldsOnTheWireAndBack tries every field of the header over every
// transport, in both directions, and compares the outcome with the guide.
func TestFieldsOnTheWireAndBack(t *testing.T) {
	guide := readGuide(t)
	for _, s := range transports {
		t.Run(s.name, func(t *testing.T) {
			b := newBench(t, s)
			for _, r := range rows() {
				sent, received := "", ""
				t.Run(familyName(r.v6)+" "+r.name, func(t *testing.T) {
					for _, set := range r.set {
						sent = worse(sent, b.sends(t, &r, set))
						if !r.sentOnly && !b.caps.SendOnly {
							received = worse(received, b.receives(t, &r, set))
						}
					}
					guide.check(t, b, r.name, r.v6, sent, received)
				})
			}
			for _, v6 := range []bool{false, true} {
				for _, r := range others {
					t.Run(familyName(v6)+" "+r.name, func(t *testing.T) {
						sent, received := r.try(t, b, v6)
						guide.check(t, b, r.name, v6, sent, received)
					})
				}
			}
		})
	}
}

func familyName(v6 bool) string {
	if v6 {
		return "IPv6"
	}
	return "IPv4"
}

// mode is the FragMode that goes with a header, as packages above set it.
func mode(h *header) transport.FragMode {
	if h.dst.Is4() && !h.df {
		return transport.FragAllow
	}
	return transport.FragAuto
}

// sends sends a packet with a field set, and has gopacket read it.
func (b *bench) sends(t *testing.T, r *row, set func(*header, own)) string {
	t.Helper()
	h := b.header(r.v6)
	o := own{addr: h.src, other: b.addr[0][1][family(r.v6)], dstOther: h.dst}
	set(h, o)
	h.payload = b.mark.payload(t, h, false)
	packet := h.build(t)
	err := commit(b.tr, transport.Slot{Frag: mode(h)}, packet)
	if errors.Is(err, errors.ErrUnsupported) {
		if !b.caps.BuildsHeader {
			t.Errorf("%v, and Caps.BuildsHeader is not set", err)
		}
		return refused
	}
	must(t, err)
	var wire *header
	f := b.next(func(p []byte) bool { wire = decode(t, p); return sameMark(wire.payload, h.payload) })
	if f == nil {
		t.Fatalf("%x did not arrive", packet)
	}
	if wire.protocol != h.protocol || wire.dst != h.dst {
		t.Errorf("protocol %d to %v on the wire, sent as %d to %v", wire.protocol, wire.dst, h.protocol, h.dst)
	}
	switch {
	case r.get(wire) == r.get(h):
		return same
	case r.filled != nil && r.filled(h, wire, o):
		return filled
	}
	if !b.caps.BuildsHeader {
		t.Errorf("%s on the wire, sent as %s; Caps.BuildsHeader is not set", r.get(wire), r.get(h))
	}
	return kernels
}

// receives writes a packet with a field set to the wire, and compares it with
// what is delivered.
func (b *bench) receives(t *testing.T, r *row, set func(*header, own)) string {
	t.Helper()
	h := b.back(r.v6, 0)
	o := own{addr: h.dst, other: b.addr[1][1][family(r.v6)], dstOther: b.addr[0][1][family(r.v6)]}
	set(h, o)
	h.payload = b.mark.payload(t, h, true)
	packet := h.build(t)
	if peer := decode(t, packet); r.get(peer) != r.get(h) {
		t.Fatalf("gopacket reads %s in what is written to the wire, meant as %s", r.get(peer), r.get(h))
	}
	b.write(0, packet)
	all := b.receive(t, h.payload, 1)
	p := all[0]
	known := b.caps.Known4
	if r.v6 {
		known = b.caps.Known6
	}
	if p.Src() != h.src || p.Protocol() != h.protocol {
		t.Errorf("from %v, protocol %d; on the wire %v, %d", p.Src(), p.Protocol(), h.src, h.protocol)
	}
	switch {
	case !p.Known(r.known):
		if known&r.known == r.known {
			t.Errorf("not known in this packet, but said to be by Caps")
		}
		return unknown
	case r.get(told(p)) == r.get(h):
		return same
	case r.filled != nil && r.filled(h, told(p), o):
		return filled
	}
	t.Errorf("%s is delivered as known, and was %s on the wire", r.get(told(p)), r.get(h))
	return kernels
}

// receive returns n packets with a mark, each a whole one or a fragment of it.
func (b *bench) receive(t *testing.T, payload []byte, n int) (all []*transport.Packet) {
	t.Helper()
	take := sink{b, func(p *transport.Packet) {
		if p.Fragment() || sameMark(p.Payload(), payload) {
			all = append(all, p.Clone())
		}
	}}
	b.drain(t, take, func() bool { return len(all) >= n })
	if len(all) < n {
		t.Fatalf("%d packets came, not %d", len(all), n)
	}
	return all
}

// drain receives until done says so, or for some time.
func (b *bench) drain(t *testing.T, s sink, done func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); b.pass() {
		for _, q := range b.tr.Queues() {
			got(q.Recv(s, 64))(t)
		}
		if done() {
			return
		}
	}
}
