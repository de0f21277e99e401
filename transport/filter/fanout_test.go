// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"protean/proto/wire"
	"protean/transport/filter"
)

// fragments4 returns datagrams' fragments, which a queue must not divide.
func fragments4(src, dst netip.Addr, payload string) (all [][]byte) {
	for _, off := range []uint16{0x2000, 0x2000 | 100, 200} {
		p := packet4(src, dst, 253, off, payload)
		binary.BigEndian.PutUint32(p[20:], uint32(off)*0x01010101)
		all = append(all, p)
	}
	return all
}

func fragments6(src, dst netip.Addr, payload string) (all [][]byte) {
	for i, off := range []uint16{1, 801, 1600} {
		h := []byte{253 - byte(i), 0, byte(off >> 8), byte(off), 0, 0, 0, 9} // only the first one's next header counts
		all = append(all, packet6(src, dst, 44, append(h, h...), payload))
	}
	return all
}

func TestFanoutSpreadsAndKeepsFragmentsTogether(t *testing.T) {
	for name, f := range map[string]*filter.Fanout{
		"addresses": {}, "payload": {Payload: true, PayloadOff: 2}, "flow label": {FlowLabel: true, Payload: true},
	} {
		vm := emulate(t, f.Program(), 14)
		queue := func(p []byte, queues int) int {
			x := frame{proto: wire.EtherTypeIPv4, link: make([]byte, 14), data: p}
			if p[0]>>4 == 6 {
				x.proto = wire.EtherTypeIPv6
			}
			return run(t, vm, x) % queues
		}
		r := rand.New(rand.NewPCG(7, 8))
		const flows = 4000
		for queues := 2; queues <= 8; queues++ {
			var used [2][8]int
			for range flows {
				var a, b [4]byte
				binary.BigEndian.PutUint32(a[:], 10<<24|r.Uint32()>>8)
				binary.BigEndian.PutUint32(b[:], 10<<24|r.Uint32()>>8)
				a4, b4 := netip.AddrFrom4(a), netip.AddrFrom4(b)
				a6, b6 := netip.AddrFrom16([16]byte{0: 0xfd, 12: a[0], 13: a[1], 14: a[2], 15: a[3]}), netip.MustParseAddr("fd00::1")
				for v, list := range [][][]byte{fragments4(a4, b4, "12345678"), fragments6(a6, b6, "12345678")} {
					q := queue(list[0], queues)
					used[v][q]++
					for _, p := range list[1:] {
						if got := queue(p, queues); got != q {
							t.Fatalf("%s: fragments of a datagram in queues %d and %d", name, q, got)
						}
					}
				}
				if x, y := queue(packet4(a4, b4, 253, 0, "123456"), queues), queue(packet4(b4, a4, 253, 0, "123456"), queues); x != y {
					t.Fatalf("%s: the two directions in queues %d and %d", name, x, y)
				}
			}
			for _, u := range used {
				for q, n := range u[:queues] {
					if n < flows/queues*3/4 || n > flows/queues*5/4 {
						t.Errorf("%s: queue %d of %d has %d of %d datagrams", name, q, queues, n, flows)
					}
				}
			}
		}
	}
}

func TestFanoutByBytesThatNoPacketHas(t *testing.T) {
	for _, off := range []uint32{0, 40, filter.MaxPayloadOff} {
		if err := (&filter.Fanout{Payload: true, PayloadOff: off}).Check(); err != nil {
			t.Errorf("offset %d: %v", off, err)
		}
	}
	if err := (&filter.Fanout{PayloadOff: 1 << 30}).Check(); err != nil {
		t.Errorf("an offset that does not count: %v", err)
	}
	a4, b4 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	for _, off := range []uint32{filter.MaxPayloadOff + 1, 1 << 20, 1<<20 + 12, 1<<32 - 1} {
		f := filter.Fanout{Payload: true, PayloadOff: off}
		var e *filter.FanoutError
		if err := f.Check(); !errors.As(err, &e) || e.PayloadOff != off || !strings.Contains(err.Error(), "65531") {
			t.Errorf("offset %d: %v", off, err)
		}
		if q := run(t, emulate(t, f.Program(), 14), frame{proto: wire.EtherTypeIPv4, link: make([]byte, 14), data: packet4(a4, b4, 253, 0, "12345678")}); q != 0 {
			t.Errorf("offset %d: a packet has a hash of bytes it does not have, %d", off, q)
		}
	}
}

func TestFanoutByPayloadSpreadsOnePeer(t *testing.T) {
	a4, b4 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	a6, b6 := netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
	f := filter.Fanout{Payload: true, PayloadOff: 4}
	vm := emulate(t, f.Program(), 0)
	var used [2][4]int
	for key := range uint32(400) {
		payload := string(binary.BigEndian.AppendUint32([]byte("gre:"), key))
		withOptions := packet4(a4, b4, 47, 0, "opts"+payload)
		withOptions[0] = 0x46
		q4 := run(t, vm, frame{proto: wire.EtherTypeIPv4, data: packet4(a4, b4, 47, 0, payload)}) % 4
		if q := run(t, vm, frame{proto: wire.EtherTypeIPv4, data: withOptions}) % 4; q != q4 {
			t.Fatalf("key %d: queue %d, with IPv4 options %d", key, q4, q)
		}
		used[0][q4]++
		used[1][run(t, vm, frame{proto: wire.EtherTypeIPv6, data: packet6(a6, b6, 47, nil, payload)})%4]++
	}
	for _, u := range used {
		for _, n := range u {
			if n < 60 {
				t.Errorf("400 keys over four queues: %v", u)
			}
		}
	}
	if run(t, vm, frame{proto: wire.EtherTypeIPv4, data: packet4(a4, b4, 47, 0, "short")}) != 0 {
		t.Error("a packet without these bytes is not in the first queue")
	}
}
