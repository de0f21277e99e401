// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"protean/proto/checksum"
	"protean/proto/wire"
)

// A box is a lab whose first pipe leads from inside to outside.
type box struct{ *lab }

func newBox(t *testing.T, forth string) *box { return &box{newLab(t, nil, forth, "denat")} }

// outward sends a packet to the outside, inward one to the inside; they return what
// comes of it, nil if nothing does.
func (x *box) outward(b []byte) []byte { return x.one(0, b) }
func (x *box) inward(b []byte) []byte  { return x.one(1, b) }

func (x *box) one(i int, b []byte) []byte {
	x.tb.Helper()
	n := len(x.out[i])
	x.send(i, 0, b)
	x.pass(0)
	x.balance()
	if len(x.out[i]) == n {
		return nil
	}
	return x.out[i][n].data
}

// want fails unless got is the packet want.
func want(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got % x\nwant % x", what, got, want)
	}
}

// sealed returns the packet of a protocol whose checksum is at an offset of
// the payload, made right; pseudo says whether it covers the addresses.
func sealed(src, dst string, protocol uint8, payload []byte, at int, pseudo bool) []byte {
	var b []byte
	payload = bytes.Clone(payload)
	v6 := bytes.ContainsRune([]byte(src), ':')
	if v6 {
		b = packet6(src, dst, protocol, payload)
		payload = b[40:]
	} else {
		b = packet4(src, dst, protocol, payload)
		payload = b[20:]
	}
	payload[at], payload[at+1] = 0, 0
	sum := checksum.Sum(payload)
	if pseudo {
		s, d := addresses(b, v6)
		sum = checksum.Combine(sum, checksum.PseudoHeader(s, d, protocol, len(payload)))
	}
	binary.BigEndian.PutUint16(payload[at:], ^sum)
	return b
}

func ports(src, dst uint16, rest ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, src)
	return append(binary.BigEndian.AppendUint16(b, dst), rest...)
}

func udp(src, dst string, sport, dport uint16) []byte {
	return sealed(src, dst, wire.ProtoUDP, ports(sport, dport, 0, 11, 0, 0, 'a', 'b', 'c'), 6, true)
}

func tcp(src, dst string, sport, dport uint16) []byte {
	return sealed(src, dst, wire.ProtoTCP, append(ports(sport, dport), make([]byte, 16)...), 16, true)
}

func echo(src, dst string, typ uint8, id uint16) []byte {
	b := append([]byte{typ, 0, 0, 0}, ports(id, 1, 'x', 'y')...)
	if bytes.ContainsRune([]byte(src), ':') {
		return sealed(src, dst, wire.ProtoICMPv6, b, 2, true)
	}
	return sealed(src, dst, wire.ProtoICMP, b, 2, false)
}

func TestNATTranslatesAddressesAndChecksums(t *testing.T) {
	for _, c := range []struct{ local, outside, remote string }{
		{"10.0.0.1", "192.0.2.7", "198.51.100.1"},
		{"fd00::1", "2001:db8:1::7", "2001:db8:2::1"},
	} {
		for _, kind := range []string{"nat ", "masquerade "} {
			x := newBox(t, kind+c.outside)
			for name, f := range map[string]func(src, dst string, a, b uint16) []byte{
				"UDP": udp, "TCP": tcp,
				"echo": func(src, dst string, a, b uint16) []byte {
					typ := uint8(8)
					if bytes.ContainsRune([]byte(src), ':') {
						typ = 128
					}
					return echo(src, dst, typ, 77)
				},
				"an unknown protocol": func(src, dst string, a, b uint16) []byte {
					if bytes.ContainsRune([]byte(src), ':') {
						return packet6(src, dst, 253, []byte("hello"))
					}
					return packet4(src, dst, 253, []byte("hello"))
				},
			} {
				want(t, kind+name+" out", x.outward(f(c.local, c.remote, 1000, 80)), f(c.outside, c.remote, 1000, 80))
				want(t, kind+name+" back", x.inward(f(c.remote, c.outside, 80, 1000)), f(c.remote, c.local, 80, 1000))
			}
			if got := x.inward(udp(c.remote, c.local, 1, 2)); got == nil {
				t.Errorf("%s: a packet to an address that is not translated does not pass", kind)
			}
		}
	}
}

func TestNATLeavesAnAbsentUDPChecksumAbsent(t *testing.T) {
	none := func(src, dst string) []byte { return packet4(src, dst, wire.ProtoUDP, ports(1, 2, 0, 8, 0, 0)) }
	x := newBox(t, "nat 192.0.2.7")
	want(t, "UDP without checksum", x.outward(none("10.0.0.1", "198.51.100.1")), none("192.0.2.7", "198.51.100.1"))
}

func TestNATGivesEachSourceAnAddressUntilItIsSilent(t *testing.T) {
	x := newBox(t, "nat 192.0.2.1,192.0.2.2 timeout 30s")
	from := func(src string) string {
		b := x.outward(packet4(src, "198.51.100.1", 253, nil))
		if b == nil {
			return "dropped"
		}
		s, _ := addresses(b, false)
		return s.String()
	}
	expect := func(src, want string) {
		t.Helper()
		if got := from(src); got != want {
			t.Errorf("from %s: %s, want %s", src, got, want)
		}
	}
	expect("10.0.0.1", "192.0.2.1")
	expect("10.0.0.2", "192.0.2.2")
	expect("10.0.0.3", "dropped")
	x.pass(20 * time.Second)
	expect("10.0.0.1", "192.0.2.1")
	x.pass(20 * time.Second) // 10.0.0.2 has been silent for 40 s
	expect("10.0.0.3", "192.0.2.2")
	expect("10.0.0.2", "dropped")
	expect("10.0.0.1", "192.0.2.1")
	// Packets that come back keep a source alive as well.
	x.pass(29 * time.Second)
	if x.inward(packet4("198.51.100.9", "192.0.2.1", 253, nil)) == nil {
		t.Error("a packet from elsewhere does not come in")
	}
	x.pass(29 * time.Second)
	expect("10.0.0.1", "192.0.2.1")
	x.pass(31 * time.Second)
	if x.inward(packet4("198.51.100.1", "192.0.2.1", 253, nil)) != nil {
		t.Error("a packet comes in after the timeout")
	}
}

func TestMasqueradeHasOneClientPerUnknownProtocolAndDestination(t *testing.T) {
	x := newBox(t, "masquerade 192.0.2.1 timeout 30s")
	pass := func(src, dst string, protocol uint8) bool {
		return x.outward(packet4(src, dst, protocol, []byte("hi"))) != nil
	}
	for _, c := range []struct {
		src, dst string
		protocol uint8
		want     bool
	}{
		{"10.0.0.1", "198.51.100.1", 253, true},
		{"10.0.0.2", "198.51.100.1", 253, false}, // taken
		{"10.0.0.2", "198.51.100.1", 254, true},
		{"10.0.0.2", "198.51.100.2", 253, true},
		{"10.0.0.1", "198.51.100.2", 253, false},
		{"10.0.0.1", "198.51.100.1", 253, true},
	} {
		if got := pass(c.src, c.dst, c.protocol); got != c.want {
			t.Errorf("%v: passed %v", c, got)
		}
	}
	back := x.inward(packet4("198.51.100.2", "192.0.2.1", 253, []byte("hi")))
	want(t, "the answer", back, packet4("198.51.100.2", "10.0.0.2", 253, []byte("hi")))
	if x.inward(packet4("198.51.100.3", "192.0.2.1", 253, nil)) != nil {
		t.Error("a packet comes in that nobody asked for")
	}
	x.pass(31 * time.Second)
	if !pass("10.0.0.2", "198.51.100.1", 253) {
		t.Error("after the timeout the second client cannot talk")
	}
}

func TestMasqueradeGivesPortsThatAreFree(t *testing.T) {
	x := newBox(t, "masquerade 192.0.2.1")
	const remote = "198.51.100.1"
	for i, wantPort := range []uint16{5000, 5001, 5002} {
		src := fmt.Sprintf("10.0.0.%d", i+1)
		want(t, src, x.outward(udp(src, remote, 5000, 53)), udp("192.0.2.1", remote, wantPort, 53))
		want(t, "the answer", x.inward(udp(remote, "192.0.2.1", 53, wantPort)), udp(remote, src, 53, 5000))
	}
	// To another destination the port is free, and low ports stay low.
	want(t, "elsewhere", x.outward(udp("10.0.0.2", "198.51.100.2", 5000, 53)), udp("192.0.2.1", "198.51.100.2", 5000, 53))
	x.outward(tcp("10.0.0.1", remote, 22, 1))
	want(t, "a low port", x.outward(tcp("10.0.0.2", remote, 22, 1)), tcp("192.0.2.1", remote, 23, 1))
	// SCTP has a CRC over its ports.
	sctp := func(src string, port uint16) []byte {
		b := append(ports(port, 7, 0, 0, 0, 1, 0, 0, 0, 0), "chunk..."...)
		binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
		return packet4(src, remote, protoSCTP, b)
	}
	x.outward(sctp("10.0.0.1", 3000))
	want(t, "SCTP", x.outward(sctp("10.0.0.2", 3000)), sctp("192.0.2.1", 3001))
	// Echoes have identifiers.
	want(t, "an echo", x.outward(echo("10.0.0.1", remote, 8, 9)), echo("192.0.2.1", remote, 8, 9))
	want(t, "a second", x.outward(echo("10.0.0.2", remote, 8, 9)), echo("192.0.2.1", remote, 8, 10))
	want(t, "its reply", x.inward(echo(remote, "192.0.2.1", 0, 10)), echo(remote, "10.0.0.2", 0, 9))
	six := newBox(t, "masquerade 2001:db8:1::1")
	six.outward(echo("fd00::1", "2001:db8:2::1", 128, 9))
	want(t, "a second echo, IPv6", six.outward(echo("fd00::2", "2001:db8:2::1", 128, 9)), echo("2001:db8:1::1", "2001:db8:2::1", 128, 10))
	want(t, "its reply", six.inward(echo("2001:db8:2::1", "2001:db8:1::1", 129, 10)), echo("2001:db8:2::1", "fd00::2", 129, 9))
	// What it cannot translate does not get through.
	if x.outward(sealed("10.0.0.1", remote, wire.ProtoICMP, make([]byte, 20), 2, false)) == nil {
		t.Error("an unknown echo reply is dropped")
	}
	if x.outward(sealed("10.0.0.1", remote, wire.ProtoICMP, append([]byte{13}, make([]byte, 19)...), 2, false)) != nil {
		t.Error("a timestamp request gets through")
	}
}

// quoting returns an ICMP error from a router about a packet.
func quoting(src, dst string, about []byte) []byte {
	b := append([]byte{11, 0, 0, 0, 0, 0, 0, 0}, about...)
	if bytes.ContainsRune([]byte(src), ':') {
		b[0] = 3
		return sealed(src, dst, wire.ProtoICMPv6, b, 2, true)
	}
	return sealed(src, dst, wire.ProtoICMP, b, 2, false)
}

func TestTranslatorsTranslateWhatErrorsQuote(t *testing.T) {
	for _, c := range []struct{ local, second, outside, remote, router string }{
		{"10.0.0.1", "10.0.0.2", "192.0.2.1", "198.51.100.1", "203.0.113.1"},
		{"fd00::1", "fd00::2", "2001:db8:1::1", "2001:db8:2::1", "2001:db8:3::1"},
	} {
		x := newBox(t, "masquerade "+c.outside)
		x.outward(udp(c.local, c.remote, 5000, 53))
		x.outward(udp(c.second, c.remote, 5000, 53)) // becomes 5001
		got := x.inward(quoting(c.router, c.outside, udp(c.outside, c.remote, 5001, 53)))
		want(t, "an error that comes in", got, quoting(c.router, c.second, udp(c.second, c.remote, 5000, 53)))
		got = x.outward(quoting(c.second, c.remote, udp(c.remote, c.second, 53, 5000)))
		want(t, "an error that goes out", got, quoting(c.outside, c.remote, udp(c.remote, c.outside, 53, 5001)))
		if x.inward(quoting(c.router, c.outside, udp(c.outside, c.remote, 6000, 53))) != nil {
			t.Error("an error about nothing comes in")
		}

		x = newBox(t, "nat "+c.outside)
		x.outward(tcp(c.local, c.remote, 5000, 80))
		// Of TCP an error may quote no more than 8 bytes.
		about := func(src string) []byte { return tcp(src, c.remote, 5000, 80) }
		cut := func(b []byte) []byte { return b[:len(b)-12] }
		got = x.inward(quoting(c.router, c.outside, cut(about(c.outside))))
		want(t, "an error that quotes little", got, quoting(c.router, c.local, cut(about(c.local))))
	}
}

func TestATranslatorRemembersSoManyFlows(t *testing.T) {
	x := newBox(t, "masquerade 192.0.2.1 timeout 1m")
	passed := 0
	for i := range maxFlows + 100 {
		b := packet4("10.0.0.1", "198.51.100.1", 253, nil)
		binary.BigEndian.PutUint32(b[16:], uint32(0x0b000000+i))
		b[10], b[11] = 0, 0
		setChecksum(b[:20])
		if x.outward(b) != nil {
			passed++
		}
	}
	if passed != maxFlows {
		t.Errorf("%d flows were opened, want %d", passed, maxFlows)
	}
	x.pass(2 * time.Minute)
	if x.outward(packet4("10.0.0.9", "198.51.100.77", 253, nil)) == nil {
		t.Error("after the timeout there is no room")
	}
}

func TestTranslatorsNeedAWayBack(t *testing.T) {
	for _, c := range [][2]string{{"nat 192.0.2.1", ""}, {"", "denat"}, {"denat", "masquerade 192.0.2.1 nat 192.0.2.2"}, {"denat", "denat"}} {
		f, err := Parse(c[0])
		if err != nil {
			t.Fatal(err)
		}
		b, err := Parse(c[1])
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := (&Link{}).Compile(f, b); err == nil {
			t.Errorf("%q and %q are accepted", c[0], c[1])
		}
	}
	x := newLab(t, nil, "nat 192.0.2.1 denat", "denat nat 192.0.2.2")
	x.send(0, 0, packet4("10.0.0.1", "198.51.100.1", 253, nil))
	x.send(1, 0, packet4("10.0.0.3", "192.0.2.1", 253, nil))
	x.pass(0)
	want(t, "forth", x.out[0][0].data, packet4("192.0.2.1", "198.51.100.1", 253, nil))
	want(t, "back", x.out[1][0].data, packet4("192.0.2.2", "10.0.0.1", 253, nil))
}
