// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/sim"
)

// clientsAndServer is c1 and c2 at a router r, with b behind it.
func clientsAndServer() netlab.Topology {
	return netlab.Topology{
		Nodes: []netlab.NodeSpec{{Name: "c1"}, {Name: "c2"}, {Name: "r", Role: netlab.Router}, {Name: "b"}},
		Links: []netlab.LinkSpec{{A: "c1", B: "r"}, {A: "c2", B: "r"}, {A: "r", B: "b"}},
	}
}

// A crossing is a packet that a client sends to b, or that b sends to whom it
// takes for the client.
type crossing struct {
	client   int // 0 or 1
	protocol uint8
	port     uint16 // source port of UDP, identifier of an echo
	back     bool   // b answers it
}

// A fate is what became of a crossing.
type fate struct {
	passed    bool
	fromNAT   bool // b sees the translator's address
	samePort  bool
	returned  bool // the answer came back, to this client
	otherHost bool // it came to the other one
}

// A natWorld has two clients behind a translator.
type natWorld struct {
	tb      testing.TB
	clients [2]transport.Transport
	addrs   [2]netip.Addr
	b       transport.Transport
	server  netip.Addr
	outside netip.Addr
	settle  func() // has everything under way arrive
	seq     uint32
}

// ipPacket builds a packet with a mark.
func ipPacket(src, dst netip.Addr, protocol uint8, port uint16, reply bool, mark uint32) []byte {
	payload := make([]byte, 12)
	binary.BigEndian.PutUint32(payload[8:], mark)
	switch protocol {
	case wire.ProtoUDP:
		sport, dport := port, uint16(9)
		if reply {
			sport, dport = dport, sport
		}
		binary.BigEndian.PutUint16(payload, sport)
		binary.BigEndian.PutUint16(payload[2:], dport)
		payload[5] = 12
		sum := checksum.Combine(checksum.Sum(payload), checksum.PseudoHeader(src, dst, protocol, 12))
		binary.BigEndian.PutUint16(payload[6:], ^sum)
	case wire.ProtoICMP:
		payload[0] = 8
		if reply {
			payload[0] = 0
		}
		binary.BigEndian.PutUint16(payload[4:], port)
		binary.BigEndian.PutUint16(payload[2:], checksum.Checksum(payload))
	}
	b := make([]byte, 32)
	copy(b[20:], payload)
	f := wire.IPv4Fields{TTL: 64, ID: 1, Protocol: protocol, Src: src, Dst: dst, PayloadLen: 12}
	if err := f.Marshal(b); err != nil {
		panic(err)
	}
	return b
}

// marked finds the packet with a mark.
type marked struct {
	mark  uint32
	found *transport.Packet
}

func (m *marked) Event(*transport.Event) {}
func (m *marked) Deliver(p *transport.Packet) {
	if b := p.Payload(); len(b) >= 12 && binary.BigEndian.Uint32(b[8:]) == m.mark {
		m.found = p.Clone()
	}
}

// find returns the packet with the mark, nil if it does not arrive at t.
func (w *natWorld) find(t transport.Transport, mark uint32) *transport.Packet {
	w.tb.Helper()
	m := marked{mark: mark}
	_, err := t.Queues()[0].Recv(&m, 1000)
	check(w.tb, err)
	return m.found
}

func portOf(p *transport.Packet) uint16 {
	if b := p.Payload(); p.Protocol() == wire.ProtoICMP {
		return binary.BigEndian.Uint16(b[4:])
	}
	return binary.BigEndian.Uint16(p.Payload())
}

func (w *natWorld) cross(c crossing) (f fate) {
	w.tb.Helper()
	w.seq++
	check(w.tb, commit(w.tb, w.clients[c.client], ipPacket(w.addrs[c.client], w.server, c.protocol, c.port, false, w.seq)))
	w.settle()
	p := w.find(w.b, w.seq)
	if p == nil {
		return f
	}
	port := c.port
	if c.protocol == wire.ProtoUDP || c.protocol == wire.ProtoICMP {
		port = portOf(p)
	}
	f.passed, f.fromNAT, f.samePort = true, p.Src() == w.outside, port == c.port
	if !c.back {
		return f
	}
	w.seq++
	check(w.tb, commit(w.tb, w.b, ipPacket(w.server, p.Src(), c.protocol, port, true, w.seq)))
	w.settle()
	f.returned = w.find(w.clients[c.client], w.seq) != nil
	f.otherHost = w.find(w.clients[1-c.client], w.seq) != nil
	return f
}

// kernelWorld has Linux for a translator, with the timeout of protocols that it
// does not know set to a second.
func kernelWorld(t *testing.T) *natWorld {
	t.Helper()
	lab := netlab.Test(t, clientsAndServer())
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft, which sets masquerading up, is not installed")
	}
	r, b := lab.Node("r"), lab.Node("b")
	outside := r.Interfaces()[2]
	for _, rule := range []string{
		"add table ip t",
		"add chain ip t post { type nat hook postrouting priority 100; }",
		fmt.Sprintf("add rule ip t post oifname %q masquerade", outside.Name),
	} {
		if out, err := r.Run(context.Background(), "nft", rule); err != nil {
			t.Fatalf("nft %s: %v: %s", rule, err, out)
		}
	}
	check(t, r.Sysctl("net.netfilter.nf_conntrack_generic_timeout", "1"))
	w := &natWorld{
		tb: t, b: openIn(t, b), server: b.Addr4(), outside: outside.Addr4.Addr(),
		// Packets take microseconds; what has not come by then was dropped.
		settle: func() { time.Sleep(30 * time.Millisecond) },
	}
	for i, name := range []string{"c1", "c2"} {
		n := lab.Node(name)
		w.clients[i], w.addrs[i] = openIn(t, n), n.Addr4()
	}
	w.bind()
	return w
}

// simWorld has Masquerade for a translator, on the link to b.
func simWorld(t *testing.T) *natWorld {
	t.Helper()
	n := sim.New(nil)
	t.Cleanup(func() { check(t, n.Close()) })
	// Both clients are handles of one node with two addresses, since it is the
	// translator that is of interest.
	inside, err := n.Node("c")
	check(t, err)
	server, err := n.Node("b")
	check(t, err)
	pi, err := inside.AddInterface("eth0", netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("10.0.0.2/24"))
	check(t, err)
	ps, err := server.AddInterface("eth0", netip.MustParsePrefix("10.0.0.9/24"))
	check(t, err)
	_, err = n.Connect(pi, ps, &sim.LinkConfig{
		Pipeline: parse(t, "masquerade 10.0.0.77 timeout 1s"), Back: &sim.LinkConfig{Pipeline: parse(t, "denat")},
	})
	check(t, err)
	open := func(nd *sim.Node) transport.Transport {
		h, err := nd.Open(nil)
		check(t, err)
		return h
	}
	w := &natWorld{
		tb: t, b: open(server), server: netip.MustParseAddr("10.0.0.9"), outside: netip.MustParseAddr("10.0.0.77"),
		addrs:  [2]netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")},
		settle: func() { check(t, n.Run(50*time.Millisecond)) },
	}
	for i := range w.clients {
		w.clients[i] = &onlyTo{open(inside), w.addrs[i]}
	}
	w.bind()
	return w
}

// onlyTo hides packets to other addresses.
type onlyTo struct {
	transport.Transport
	addr netip.Addr
}

func (o *onlyTo) Queues() []transport.Queue {
	return []transport.Queue{onlyToQueue{o.Transport.Queues()[0], o.addr}}
}

type onlyToQueue struct {
	transport.Queue
	addr netip.Addr
}

type onlyToSink struct {
	transport.Sink
	addr netip.Addr
}

func (q onlyToQueue) Recv(s transport.Sink, limit int) (int, error) {
	return q.Queue.Recv(onlyToSink{s, q.addr}, limit)
}

func (s onlyToSink) Deliver(p *transport.Packet) {
	if p.Dst() == s.addr {
		s.Sink.Deliver(p)
	}
}

func (w *natWorld) bind() {
	for _, t := range []transport.Transport{w.clients[0], w.clients[1], w.b} {
		for _, protocol := range []int{wire.ProtoICMP, wire.ProtoUDP, 253, 254} {
			check(w.tb, t.Bind(protocol))
		}
	}
}

// close closes the sockets.
func (w *natWorld) close() {
	for _, t := range []transport.Transport{w.clients[0], w.clients[1], w.b} {
		check(w.tb, t.Close())
	}
}

// TestMasqueradeDoesWhatLinuxDoes sends the same packets through both. What is
// not compared is which port a second client gets: Linux takes one at random.
func TestMasqueradeDoesWhatLinuxDoes(t *testing.T) {
	worlds := []*natWorld{kernelWorld(t), simWorld(t)}
	for i, c := range []crossing{
		{client: 0, protocol: 253, back: true},
		{client: 1, protocol: 253},             // the second client of a protocol
		{client: 1, protocol: 254, back: true}, // another protocol
		{client: 0, protocol: 254},
		{client: 0, protocol: 253, back: true}, // still the first
		{client: 0, protocol: wire.ProtoUDP, port: 5000, back: true},
		{client: 1, protocol: wire.ProtoUDP, port: 5000, back: true}, // the same port
		{client: 1, protocol: wire.ProtoUDP, port: 6000, back: true},
		{client: 0, protocol: wire.ProtoICMP, port: 77},
		{client: 1, protocol: wire.ProtoICMP, port: 77}, // the same identifier
		{client: 1, protocol: wire.ProtoICMP, port: 99},
	} {
		kernel, model := worlds[0].cross(c), worlds[1].cross(c)
		if kernel != model {
			t.Errorf("step %d, %+v: Linux %+v, here %+v", i, c, kernel, model)
		}
	}
	// The first client is silent for more than a second.
	for i, w := range worlds {
		if i == 0 {
			time.Sleep(2 * time.Second)
		} else {
			for range 40 {
				w.settle()
			}
		}
		if f := w.cross(crossing{client: 1, protocol: 253, back: true}); !f.passed || !f.returned || f.otherHost {
			t.Errorf("world %d: after the timeout the second client: %+v", i, f)
		}
		if f := w.cross(crossing{client: 0, protocol: 253}); f.passed {
			t.Errorf("world %d: now the first client: %+v", i, f)
		}
		w.close()
	}
}
