// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"protean/proto/checksum"
	"protean/transport"
	"protean/transport/netlab"
)

// message is a packet with an ICMP message of a type of either family.
func message(h header, typ byte) []byte {
	b := []byte{typ, 0, 0, 0, 0x12, 0x34, 0, 1}
	h.protocol = unix.IPPROTO_ICMP
	sum := checksum.Sum(b)
	if h.dst.Is6() {
		h.protocol = unix.IPPROTO_ICMPV6
		sum = checksum.Combine(sum, checksum.PseudoHeader(h.src, h.dst, h.protocol, len(b)))
	}
	binary.BigEndian.PutUint16(b[2:], ^sum)
	return packet(h, b)
}

func TestOnlyICMPTypesThatAreWantedCome(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{})
	wanted := []uint8{0, 13, 200}
	cfg := Config{ICMPTypes: wanted, ICMPv6Types: []uint8{129, 200}}
	rx, none := open(t, b, cfg), open(t, b, Config{ICMPTypes: []uint8{}, ICMPv6Types: []uint8{}})
	wanted[0] = 8 // Open has copied it
	bind(t, rx, 1, 58, 253)
	bind(t, none, 1, 58)
	for _, c := range []struct {
		v6               bool
		sent, come, some []byte
	}{
		// The kernel does not hold back IPv4 types above 31.
		{false, []byte{0, 8, 11, 13, 200, 201}, []byte{0, 13, 200, 201}, []byte{200, 201}},
		{true, []byte{128, 129, 135, 200, 201}, []byte{129, 200}, nil},
	} {
		for _, typ := range c.sent {
			send(t, tx, message(between(a, b, c.v6), typ))
		}
		send(t, tx, packet(between(a, b, c.v6), []byte("the last"))) // of another protocol: not filtered
		var got collector
		got.until(t, rx, func() bool {
			return len(got.packets) > 0 && slices.ContainsFunc(got.packets, func(p *transport.Packet) bool { return p.Protocol() == 253 })
		})
		var types, rest []byte
		got.until(t, rx, func() bool { return len(got.packets) >= len(c.come)+1 })
		for _, p := range got.packets {
			if p.Protocol() != 253 {
				types = append(types, p.Payload()[0])
			}
		}
		if !bytes.Equal(types, c.come) {
			t.Errorf("IPv6 %v: types %d came, want %d", c.v6, types, c.come)
		}
		var others collector
		others.until(t, none, func() bool { return len(others.packets) >= len(c.some) })
		for _, p := range others.packets {
			rest = append(rest, p.Payload()[0])
		}
		if !bytes.Equal(rest, c.some) {
			t.Errorf("IPv6 %v: without any wanted, types %d came, want %d", c.v6, rest, c.some)
		}
	}
}

func TestTheKernelWritesAndVerifiesChecksums(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	cfg := Config{Checksum6: true, Checksum6Offset: 4, ICMPv6Types: []uint8{129}}
	rx, plain := open(t, b, cfg), open(t, b, Config{})
	cfg.Header = Kernel
	tx, included := open(t, a, cfg), open(t, a, Config{})
	bind(t, rx, 253, 58)
	bind(t, plain, 253)
	h := between(a, b, true)
	payload := pattern(3001) // in fragments, of an odd length
	payload[4], payload[5] = 0xde, 0xad
	send(t, tx, packet(h, payload))
	p := receive(t, rx, 1)[0]
	if sum := checksum.PseudoHeader(h.src, h.dst, 253, len(payload)); !checksum.VerifyWith(sum, p.Payload()) || p.Checksum() != transport.ChecksumVerified {
		t.Errorf("the checksum %x is wrong, or not marked as verified: %d", p.Payload()[4:6], p.Checksum())
	}
	if got := p.Payload(); !bytes.Equal(got[:4], payload[:4]) || !bytes.Equal(got[6:], payload[6:]) {
		t.Error("other bytes were written")
	}
	if err := trySend(tx, 0, packet(h, pattern(5))); !isErrno(err, unix.EINVAL) {
		t.Errorf("a payload without room for it: %v, want EINVAL", err)
	}
	// The sender's own header says nothing about the payload: it goes out wrong.
	send(t, included, packet(h, pattern(10)))
	ps := receive(t, plain, 2)
	if !bytes.Equal(ps[1].Payload(), pattern(10)) || ps[1].Checksum() != transport.ChecksumUnknown {
		t.Errorf("without Checksum6: %x, checksum %d", ps[1].Payload(), ps[1].Checksum())
	}
	send(t, tx, packet(h, pattern(10)))
	if p := receive(t, rx, 1)[0]; bytes.Equal(p.Payload(), pattern(10)) {
		t.Error("a wrong checksum was let through")
	}
	if st := rx.Stats(); st.Lost != 1 {
		t.Errorf("%d lost, want the one with the wrong checksum", st.Lost)
	}
	send(t, included, message(h, 129))
	if p := receive(t, rx, 1)[0]; p.Checksum() != transport.ChecksumVerified {
		t.Errorf("ICMPv6: checksum %d, want that the kernel has verified it", p.Checksum())
	}
}
