// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/rawip"
	"protean/transport/sim"
)

// A rig is host a of a chain a — r1 — r2 — r3 — b, and nothing tells it of
// what the chain is made. Segment 2 has an MTU of 1400, segment 3 one of 1300.
type rig struct {
	t     transport.Transport
	fence uint16
}

const rigRouters = 3

func rigMTU(segment int) int { return [...]int{0, 1500, 1400, 1300, 1500}[segment] }

// overBoth runs a test over the kernel and over sim.
func overBoth(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Run("kernel", func(t *testing.T) { test(t, kernelRig(t)) })
	t.Run("sim", func(t *testing.T) { test(t, simRig(t)) })
}

func kernelRig(t *testing.T) *rig { return kernelRigWith(t, nil) }

// kernelRigWith sets network parameters in all nodes but a.
func kernelRigWith(t *testing.T, sysctls [][2]string) *rig {
	lab := netlab.Test(t, netlab.Line(rigRouters).WithLinkMTU(1, rigMTU(2)).WithLinkMTU(2, rigMTU(3)))
	h, err := rawip.Open(&rawip.Config{NetNS: lab.Node("a").NetNS()})
	check(t, err)
	t.Cleanup(func() { check(t, h.Close()) })
	for _, n := range []string{"r1", "r2", "r3", "b"} {
		for _, s := range sysctls {
			check(t, lab.Node(n).Sysctl(s[0], s[1]))
		}
	}
	return bindICMP(t, h)
}

func simRig(t *testing.T) *rig {
	// As in netlab, nothing is limited: what is missing is missing.
	return simRigWith(t, &sim.KernelConfig{Interval: -1, Interval6: -1, PerSecond: -1})
}

func simRigWith(t *testing.T, k *sim.KernelConfig) *rig {
	c := newChain(t, &sim.Config{Live: true}, k, rigRouters, rigMTU)
	check(t, c.b.SetKernel(k))
	check(t, c.tb.Close())
	check(t, c.ta.Unbind(transport.AnyProtocol))
	check(t, c.ta.Unbind(proto))
	return bindICMP(t, c.ta)
}

func bindICMP(t *testing.T, h transport.Transport) *rig {
	t.Helper()
	check(t, h.Bind(wire.ProtoICMP))
	check(t, h.Bind(wire.ProtoICMPv6))
	return &rig{t: h}
}

func (r *rig) src(v6 bool) netip.Addr { return segment(v6, 1, 1) }
func (r *rig) dst(v6 bool) netip.Addr { return segment(v6, rigRouters+1, 2) }

// segment returns the address of the y-th interface on segment x.
func segment(v6 bool, x, y int) netip.Addr {
	if v6 {
		return seg6(x, y).Addr()
	}
	return seg4(x, y).Addr()
}

// ask sends a packet and returns what comes back up to the answer to an echo
// request to the end of the chain, sent right after it.
func (r *rig) ask(t *testing.T, b []byte) []*transport.Packet {
	t.Helper()
	check(t, send(t, r.t, b))
	v6 := b[0]>>4 == 6
	r.fence++
	check(t, send(t, r.t, echoRequest(r.src(v6), r.dst(v6), 0xfe, r.fence, 0)))
	return r.collect(t, func(p *transport.Packet) bool { return isAnswer(p, 0xfe, r.fence) }, 0)
}

// collect returns what comes, up to a packet for which last is true, which it
// leaves out, or until there are want of them.
func (r *rig) collect(t *testing.T, last func(*transport.Packet) bool, want int) []*transport.Packet {
	t.Helper()
	q := r.t.Queues()[0]
	var c collector
	for deadline := time.Now().Add(20 * time.Second); ; {
		n, err := q.Recv(&c, 1)
		check(t, err)
		// A kernel's neighbour discovery is nobody's answer.
		got := slices.DeleteFunc(packets(c.all), func(g got) bool {
			return g.pk.Is6() && g.pk.Payload()[0] >= wire.ICMPv6MLDQuery
		})
		k := len(got)
		switch {
		case n > 0 && k > 0 && last != nil && last(got[k-1].pk):
			return unwrap(got[:k-1])
		case last == nil && k == want:
			return unwrap(got)
		case time.Now().After(deadline):
			t.Fatalf("no answer; so far: %v", unwrap(got))
		case n == 0:
			check(t, q.Wait(deadline))
		}
	}
}

func unwrap(all []got) (p []*transport.Packet) {
	for _, g := range all {
		p = append(p, g.pk)
	}
	return p
}

func isAnswer(p *transport.Packet, id, seq uint16) bool {
	b := p.Payload()
	return len(b) >= 8 && (b[0] == wire.ICMPv4EchoReply || b[0] == wire.ICMPv6EchoReply) &&
		binary.BigEndian.Uint16(b[4:]) == id && binary.BigEndian.Uint16(b[6:]) == seq
}

// packet builds a packet with the given payload, TTL 64, DF clear, and
// identification 1.
func packet(src, dst netip.Addr, protocol uint8, payload []byte) []byte {
	var b []byte
	if src.Is4() {
		b = ip4(src, dst, 20+len(payload))
		b[9] = protocol
	} else {
		b = ip6(src, dst, 40+len(payload))
		b[6] = protocol
	}
	copy(b[len(b)-len(payload):], payload)
	return refill(b)
}

// refill computes the IPv4 header checksum anew.
func refill(b []byte) []byte {
	if b[0]>>4 == 4 {
		wire.IPv4(b).FillChecksum()
	}
	return b
}

func echoRequest(src, dst netip.Addr, id, seq uint16, size int) []byte {
	m := make([]byte, 8+size)
	m[0] = wire.ICMPv4Echo
	binary.BigEndian.PutUint16(m[4:], id)
	binary.BigEndian.PutUint16(m[6:], seq)
	if src.Is6() {
		m[0] = wire.ICMPv6Echo
		wire.ICMPv6(m).FillChecksum(src, dst)
		return packet(src, dst, wire.ProtoICMPv6, m)
	}
	wire.ICMPv4(m).FillChecksum()
	return packet(src, dst, wire.ProtoICMP, m)
}

// udp builds a datagram to a port that nobody listens on.
func udp(src, dst netip.Addr, size int) []byte {
	d := make([]byte, 8+size)
	f := wire.UDPFields{SrcPort: 33000, DstPort: 33434, Payload: bytes.Repeat([]byte{'x'}, size)}
	if err := f.Marshal(d, src, dst); err != nil {
		panic(err)
	}
	return packet(src, dst, wire.ProtoUDP, d)
}

// ttl sets the TTL or hop limit.
func ttl(b []byte, n uint8) []byte {
	if b[0]>>4 == 6 {
		b[7] = n
	} else {
		b[8] = n
	}
	return refill(b)
}
