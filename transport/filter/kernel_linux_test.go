// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"protean/transport/filter"
	"protean/transport/netlab"
)

type kernelCase struct {
	name   string
	packet []byte
	want   bool
}

// kernelCases are packets between two addresses of each family, marked with
// their names, for a filter on protocol 253.
func kernelCases(a4, b4, a6, b6 netip.Addr) (v4, v6 []kernelCase) {
	add := func(list *[]kernelCase, name string, want bool, p []byte) {
		*list = append(*list, kernelCase{"<" + name + ">", append(p, "<"+name+">"...), want})
	}
	other4, other6 := netip.MustParseAddr("10.77.1.99"), netip.MustParseAddr("fd77:1::99")
	add(&v4, "whole", true, packet4(a4, b4, 253, 0, "12345678"))
	add(&v4, "another protocol", false, packet4(a4, b4, 17, 0, "12345678"))
	add(&v4, "first fragment", true, packet4(a4, b4, 253, 0x2000, "12345678"))
	add(&v4, "last fragment", true, packet4(a4, b4, 253, 100, "12345678"))
	add(&v4, "another's fragment", false, packet4(a4, b4, 17, 100, "12345678"))
	add(&v4, "to another address", false, packet4(a4, other4, 253, 0, "12345678"))
	add(&v4, "large", true, packet4(a4, b4, 253, 0, string(make([]byte, 7000))))

	fragment := func(next uint8, off uint16) []byte {
		h := []byte{next, 0, 0, 0, 0, 0, 0, 1}
		binary.BigEndian.PutUint16(h[2:], off)
		return h
	}
	options := func(next uint8) []byte { return []byte{next, 0, 1, 4, 0, 0, 0, 0} }
	add(&v6, "whole", true, packet6(a6, b6, 253, nil, "12345678"))
	add(&v6, "another protocol", false, packet6(a6, b6, 17, nil, "12345678"))
	add(&v6, "first fragment", true, packet6(a6, b6, 44, fragment(253, 1), "12345678"))
	add(&v6, "last fragment", true, packet6(a6, b6, 44, fragment(253, 800), "12345678"))
	add(&v6, "another's fragment", false, packet6(a6, b6, 44, fragment(17, 800), "12345678"))
	add(&v6, "fragment of who knows", true, packet6(a6, b6, 44, fragment(60, 800), "12345678"))
	add(&v6, "behind options", true, packet6(a6, b6, 0, slices.Concat(options(60), options(253)), "12345678"))
	add(&v6, "another behind options", false, packet6(a6, b6, 0, slices.Concat(options(60), options(17)), "12345678"))
	add(&v6, "fragment behind options", true, packet6(a6, b6, 60, slices.Concat(options(44), fragment(253, 800)), "12345678"))
	add(&v6, "to another address", false, packet6(a6, other6, 253, nil, "12345678"))
	add(&v6, "large", true, packet6(a6, b6, 253, nil, string(make([]byte, 7000))))
	return v4, v6
}

// expect sends packets and checks which a socket gets.
func expect(t *testing.T, what string, fd int, cases []kernelCase, send func([]byte)) {
	t.Helper()
	last := kernelCase{"<last>", append(slices.Clone(cases[0].packet[:len(cases[0].packet)-len(cases[0].name)]), "<last>"...), true}
	var want []string
	for _, c := range append(cases, last) {
		send(c.packet)
		if c.want && c.name != last.name {
			want = append(want, c.name)
		}
	}
	if got := receive(t, fd, last.name); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// protean is the filter of the tests: two families, one protocol, own
// addresses.
func protean(all ...netip.Addr) *filter.Spec {
	s := &filter.Spec{Protocols: []uint8{253}}
	for _, a := range all {
		s.Dst = append(s.Dst, netip.PrefixFrom(a, a.BitLen()))
	}
	return s
}

// One program filters what comes with an Ethernet header, without it, and
// without there being any.
func TestOneProgramForEveryKindOfSocket(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair().WithMTU(9000))
	a, b := lab.Node("a"), lab.Node("b")
	program := protean(b.Addr4(), b.Addr6()).Program()
	v4, v6 := kernelCases(a.Addr4(), b.Addr4(), a.Addr6(), b.Addr6())
	to, send := b.Interfaces()[0], sender(t, a, b)
	for name, kind := range map[string]int{"SOCK_RAW": unix.SOCK_RAW, "SOCK_DGRAM": unix.SOCK_DGRAM} {
		expect(t, name+" ETH_P_IP", listen(t, b, to.Index, kind, unix.ETH_P_IP, program), v4, send)
		expect(t, name+" ETH_P_IPV6", listen(t, b, to.Index, kind, unix.ETH_P_IPV6, program), v6, send)
		expect(t, name+" ETH_P_ALL, IPv4", listen(t, b, to.Index, kind, unix.ETH_P_ALL, program), v4, send)
		expect(t, name+" ETH_P_ALL, IPv6", listen(t, b, to.Index, kind, unix.ETH_P_ALL, program), v6, send)
	}
	t.Run("TUN", func(t *testing.T) {
		tun, index := netlab.TestTUN(t, b, "tun0", 9000)
		bare := func(p []byte) {
			if _, err := tun.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		for name, kind := range map[string]int{"SOCK_RAW": unix.SOCK_RAW, "SOCK_DGRAM": unix.SOCK_DGRAM} {
			expect(t, name+", IPv4", listen(t, b, index, kind, unix.ETH_P_IP, program), v4, bare)
			expect(t, name+", IPv6", listen(t, b, index, kind, unix.ETH_P_IPV6, program), v6, bare)
		}
	})
	s := protean(b.Addr4(), b.Addr6())
	s.HeaderLen = 14
	expect(t, "from the frame's start", listen(t, b, to.Index, unix.SOCK_RAW, unix.ETH_P_IP, s.Program()), v4, send)
}
