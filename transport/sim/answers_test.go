// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"protean/proto/wire"
	"protean/transport"
)

// A probe is a packet to which routers and hosts have something to say.
type probe struct {
	name string
	b    []byte
}

// probes returns packets for all that a kernel answers, or must not answer.
func probes(r *rig) (all []probe) {
	for _, v6 := range []bool{false, true} {
		src, dst := r.src(v6), r.dst(v6)
		add := func(name string, b []byte) {
			all = append(all, probe{name: fmt.Sprintf("%s, IPv%d", name, b[0]>>4), b: b})
		}
		for n := range uint8(4) {
			add(fmt.Sprintf("TTL %d", n), ttl(udp(src, dst, 32), n))
		}
		add("TTL 1, large", ttl(udp(src, dst, 1350), 1))
		add("TTL 2, with TOS", ttl(tos(udp(src, dst, 32), 0xb9), 2))
		add("TTL 1, echo request", ttl(echoRequest(src, dst, 1, 1, 10), 1))
		add("TTL 1, unknown protocol", ttl(packet(src, dst, 253, make([]byte, 20)), 1))
		add("TTL 1, no payload", ttl(packet(src, dst, 253, nil), 1))
		add("TTL 1, ICMP error", ttl(icmpError(src, dst), 1))
		add("TTL 1, unknown ICMP type", ttl(icmp(src, dst, 77), 1))
		add("TTL 1, unknown informational type", ttl(icmp(src, dst, 200), 1))
		add("port", udp(src, dst, 32))
		add("port, with TOS", tos(udp(src, dst, 32), 0xfd))
		add("port, large", udp(src, dst, 1200))
		bad := udp(src, dst, 32)
		bad[len(bad)-1] ^= 1
		add("port, bad checksum", bad)
		add("port of the first router", udp(src, segment(v6, 1, 2), 32))
		add("port of the far side of the second router", udp(src, segment(v6, 3, 1), 32))
		add("protocol", packet(src, dst, 253, make([]byte, 20)))
		add("protocol of a router", packet(src, segment(v6, 2, 2), 253, make([]byte, 20)))
		add("echo", echoRequest(src, dst, 1, 2, 100))
		add("echo of a router, with TOS", tos(echoRequest(src, segment(v6, 3, 2), 1, 3, 0), 0xb8))
		add("echo, bad checksum", flip(echoRequest(src, dst, 1, 4, 100)))
		add("no route", udp(src, map[bool]netip.Addr{false: addr("192.0.2.1"), true: addr("2001:db8::1")}[v6], 32))
		add("no route, TTL 1", ttl(udp(src, map[bool]netip.Addr{false: addr("192.0.2.1"), true: addr("2001:db8::1")}[v6], 32), 1))
		add("too big", dontFragment(udp(src, dst, 1450)))
		add("too big for the next link", dontFragment(udp(src, dst, 1320)))
		for _, size := range []int{1399, 1400, 1401, 1300, 1301} {
			b := udp(src, dst, size-28)
			if v6 {
				b = udp(src, dst, size-48)
			}
			add(fmt.Sprintf("%d bytes", size), dontFragment(b))
		}
		add("too big, TTL 1", ttl(dontFragment(udp(src, dst, 1450)), 1))
	}
	src, dst := r.src(false), r.dst(false)
	fragment := udp(src, dst, 32)
	fragment[7] = 5
	all = append(all,
		probe{name: "TTL 1, fragment behind the first", b: ttl(refill(bytes.Clone(fragment)), 1)},
		probe{name: "TTL 1, options", b: ttl(options(src, dst, 1, 1, 1, 0), 1)},
		probe{name: "options that lie", b: options(src, dst, 1, 7, 1, 0)},
		probe{name: "options that do not fit", b: options(src, dst, 7, 11, 4, 0)},
	)
	src, dst = r.src(true), r.dst(true)
	for _, action := range []byte{0, 1, 2, 3} {
		all = append(all,
			probe{name: fmt.Sprintf("hop-by-hop option with action %d", action), b: extension(src, dst, wire.ExtHopByHop, action)},
			probe{name: fmt.Sprintf("destination option with action %d", action), b: extension(src, dst, wire.ExtDestination, action)},
		)
	}
	all = append(all, probe{name: "TTL 1, destination options", b: ttl(extension(src, dst, wire.ExtDestination, 0), 1)})
	return all
}

func tos(b []byte, v byte) []byte {
	if b[0]>>4 == 6 {
		b[0], b[1] = 0x60|v>>4, v<<4
	} else {
		b[1] = v
	}
	return refill(b)
}

func flip(b []byte) []byte { b[len(b)-1] ^= 1; return b }

func dontFragment(b []byte) []byte {
	if b[0]>>4 == 4 {
		b[6] |= 0x40
	}
	return refill(b)
}

func icmp(src, dst netip.Addr, typ uint8) []byte {
	b := echoRequest(src, dst, 2, 1, 40)
	if src.Is6() {
		b[40] = typ
		wire.ICMPv6(b[40:]).FillChecksum(src, dst)
	} else {
		b[20] = typ
		wire.ICMPv4(b[20:]).FillChecksum()
	}
	return b
}

func icmpError(src, dst netip.Addr) []byte {
	if src.Is6() {
		return icmp(src, dst, wire.ICMPv6Unreachable)
	}
	return icmp(src, dst, wire.ICMPv4Unreachable)
}

// options builds a packet of an unknown protocol with four bytes of options.
func options(src, dst netip.Addr, o ...byte) []byte {
	b := packet(src, dst, 253, make([]byte, 12))
	b[0] = 0x46
	copy(b[20:], o)
	return refill(b)
}

// extension builds a UDP datagram behind an extension header with one unknown
// option that says what to do about it.
func extension(src, dst netip.Addr, header, action byte) []byte {
	d := udp(src, dst, 32)
	b := packet(src, dst, header, make([]byte, 8+len(d)-40))
	copy(b[40:], []byte{wire.ProtoUDP, 0, action<<6 | 0x1e, 4, 0, 0, 0, 0})
	copy(b[48:], d[40:])
	return b
}

// answer is what can be compared: without the IPv4 identification, with the
// checksum over it, and without the flow label, which Linux makes up.
func answer(p *transport.Packet) string {
	b := bytes.Clone(p.Data)
	if p.Is6() {
		b[1] &= 0xf0
		b[2], b[3] = 0, 0
	} else {
		b[4], b[5], b[10], b[11] = 0, 0, 0, 0
	}
	return fmt.Sprintf("%x", b)
}

func TestAnswersAreThoseOfTheKernel(t *testing.T) {
	kernel, simulated := kernelRig(t), simRig(t)
	answered := 0
	for _, p := range probes(kernel) {
		var got [2][]string
		for i, r := range []*rig{kernel, simulated} {
			for _, a := range r.ask(t, bytes.Clone(p.b)) {
				got[i] = append(got[i], answer(a))
			}
		}
		answered += len(got[0])
		if a, b := fmt.Sprint(got[0]), fmt.Sprint(got[1]); a != b {
			t.Errorf("%s: to %x\nthe kernel answers %s\nsim             %s", p.name, p.b[:min(64, len(p.b))], a, b)
		}
	}
	if answered < 50 {
		t.Errorf("%d answers", answered)
	}
}

// The answers about a host that is not there come when it has been asked for
// in vain, in both.
func TestAHostThatIsNotThereIsUnreachableAfterThreeSeconds(t *testing.T) {
	t.Parallel() // it waits, most of the time
	kernel, simulated := kernelRig(t), simRig(t)
	var got [2][]string
	start := time.Now()
	for _, r := range []*rig{kernel, simulated} {
		for _, v6 := range []bool{false, true} {
			check(t, send(t, r.t, udp(r.src(v6), segment(v6, rigRouters+1, 99), 32)))
		}
	}
	for i, r := range []*rig{kernel, simulated} {
		for _, a := range r.collect(t, nil, 2) {
			got[i] = append(got[i], answer(a))
		}
		slices.Sort(got[i])
		if d := time.Since(start); d < 2900*time.Millisecond {
			t.Errorf("unreachable after %v", d)
		}
	}
	if !slices.Equal(got[0], got[1]) {
		t.Errorf("the kernel answers %s\nsim             %s", got[0], got[1])
	}
}
