// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package fields

import (
	"os"
	"testing"
	"time"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/impair"
	"protean/transport/multi"
	"protean/transport/netlab"
	"protean/transport/ping"
	"protean/transport/rawip"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

// A subject is a transport under test.
type subject struct {
	name   string
	column string // in the table of the guide
	at     func(t *testing.T) *place
	open   func(p *place) (transport.Transport, error)
	icmp   bool // it carries echo requests and replies only
}

var transports = []subject{
	{name: "sim", column: "sim", at: inMemory(false), open: ofNode},
	{name: "sim, live", column: "sim", at: inMemory(true), open: ofNode},
	{name: "rawip, Included", column: "rawip, Included", at: atLab, open: raw(rawip.Config{})},
	{name: "rawip, SendOnly", column: "rawip, SendOnly", at: atLab, open: raw(rawip.Config{SendOnly: true})},
	{name: "rawip, Kernel", column: "rawip, Kernel", at: atLab, open: raw(rawip.Config{Header: rawip.Kernel})},
	{name: "afpacket, V3", column: "afpacket", at: atLab, open: packet(afpacket.Config{})},
	{name: "afpacket, V2 and a transmit ring", column: "afpacket", at: atLab, open: packet(afpacket.Config{Ring: afpacket.V2, TxRing: true})},
	{name: "afpacket, no ring", column: "afpacket", at: atLab, open: packet(afpacket.Config{Ring: afpacket.None})},
	{name: "afpacket, cooked", column: "afpacket", at: atLab, open: packet(afpacket.Config{Cooked: true})},
	{name: "afpacket twice, in multi", column: "afpacket", at: atLab, open: joined},
	{name: "rawip, Included, in impair", column: "rawip, Included", at: atLab, open: delayed(raw(rawip.Config{}))},
	{name: "sim, live, in impair", column: "sim", at: inMemory(true), open: delayed(ofNode)},
	{name: "ping", column: "ping", at: atLab, open: pings, icmp: true},
}

func ofNode(p *place) (transport.Transport, error) { return p.node.Open(nil) }

func raw(cfg rawip.Config) func(p *place) (transport.Transport, error) {
	return func(p *place) (transport.Transport, error) {
		cfg.NetNS = p.lab.NetNS()
		return rawip.Open(&cfg)
	}
}

func packet(cfg afpacket.Config) func(p *place) (transport.Transport, error) {
	return func(p *place) (transport.Transport, error) {
		cfg.NetNS, cfg.Interface = p.lab.NetNS(), "eth0"
		cfg.BlockSize, cfg.Blocks = 1<<16, 4
		return afpacket.Open(&cfg)
	}
}

// joined is a packet socket on each interface.
func joined(p *place) (transport.Transport, error) {
	var members []transport.Transport
	for _, name := range []string{"eth0", "eth1"} {
		tr, err := afpacket.Open(&afpacket.Config{NetNS: p.lab.NetNS(), Interface: name, BlockSize: 1 << 16, Blocks: 4})
		if err != nil {
			return nil, err
		}
		members = append(members, tr)
	}
	return multi.New(members...)
}

// delayed has packets be copied and held back for a moment, both ways.
func delayed(open func(p *place) (transport.Transport, error)) func(p *place) (transport.Transport, error) {
	return func(p *place) (transport.Transport, error) {
		tr, err := open(p)
		if err != nil {
			return nil, err
		}
		wait := impair.Pipeline{impair.Delay{Time: 100 * time.Microsecond}}
		return impair.New(tr, &impair.Config{Out: wait, In: wait})
	}
}

func pings(p *place) (transport.Transport, error) {
	return ping.Open(&ping.Config{NetNS: p.lab.NetNS()})
}

// A bench is a transport on a, and what it has to do with.
type bench struct {
	subject
	*place
	tr     transport.Transport
	caps   transport.Caps
	mark   marker
	wires  []int // those that the transport has interfaces on
	events []transport.Sent
}

func newBench(t *testing.T, s subject) *bench {
	b := &bench{subject: s, place: s.at(t)}
	b.tr = got(s.open(b.place))(t)
	t.Cleanup(func() { b.tr.Close() })
	b.caps = b.tr.Caps()
	for _, f := range b.tr.Interfaces() {
		for on, index := range b.index {
			if f.Index == index {
				b.wires = append(b.wires, on)
			}
		}
	}
	for _, v6 := range []bool{false, true} {
		if !b.caps.SendOnly {
			must(t, b.tr.Bind(int(b.protocol(v6))))
		}
		// Neighbours are found, and identifiers known.
		h := b.header(v6)
		h.payload = b.mark.payload(t, h, false)
		must(t, commit(b.tr, transport.Slot{}, h.build(t)))
		if b.next(func(p []byte) bool { return sameMark(decode(t, p).payload, h.payload) }) == nil {
			t.Fatal("the first packet did not arrive")
		}
	}
	return b
}

func (b *bench) protocol(v6 bool) uint8 {
	switch {
	case b.icmp && v6:
		return wire.ProtoICMPv6
	case b.icmp:
		return wire.ProtoICMP
	}
	return wire.ProtoExperimental1
}

// header returns an ordinary header from a to b on the first wire.
func (b *bench) header(v6 bool) *header {
	h := &header{ttl: 61, protocol: b.protocol(v6), src: b.addr[0][0][0], dst: b.addr[1][0][0], id: 0x4321}
	if v6 {
		h.src, h.dst, h.id = b.addr[0][0][1], b.addr[1][0][1], 0
	}
	return h
}

// back is one from b to a, by a wire.
func (b *bench) back(v6 bool, on int) *header {
	h := b.header(v6)
	h.src, h.dst = b.addr[1][on][family(v6)], b.addr[0][on][family(v6)]
	return h
}

func family(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}

// sink hands on packets.
type sink struct {
	b *bench
	f func(p *transport.Packet)
}

func (s sink) Deliver(p *transport.Packet) { s.f(p) }

func (s sink) Event(e *transport.Event) {
	if e.Kind == transport.PacketSent {
		s.b.events = append(s.b.events, *e.Sent)
	}
}
