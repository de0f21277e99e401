// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"golang.org/x/net/bpf"

	"protean/proto/wire"
	"protean/transport/filter"
)

func prefixes(list ...string) (all []netip.Prefix) {
	for _, s := range list {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// specs are what the tests go through.
var specs = map[string]*filter.Spec{
	"nothing":             {},
	"one protocol":        {Protocols: []uint8{253}},
	"IPv4 alone":          {V4: true, Protocols: []uint8{253, 1}},
	"IPv6 alone":          {V6: true, Protocols: []uint8{253, 58}},
	"many protocols":      {Protocols: every(3)},
	"all protocols":       {Protocols: every(1)},
	"any":                 {Any: true},
	"ESP and mobility":    {Protocols: []uint8{50, 135}},
	"to addresses":        {Protocols: []uint8{253}, Dst: prefixes("10.0.0.1/32", "224.0.0.0/4", "fd00::1/128", "ff00::/8", "fd00:0:0:1::/65")},
	"to IPv4 addresses":   {Any: true, Dst: prefixes("10.0.0.1/32", "10.0.0.2/31", "10.0.0.0/8")},
	"to all of IPv6":      {Any: true, Dst: prefixes("::/0")},
	"other hosts":         {Protocols: []uint8{253}, OtherHost: true, Outgoing: true},
	"other hosts, some":   {Protocols: []uint8{253}, Dst: prefixes("10.0.0.1/32"), OtherHostDst: prefixes("10.0.0.2/32", "fd00::1/128")},
	"a VLAN":              {Protocols: []uint8{253}, VLANs: []uint16{0, 5}, Outgoing: true},
	"tags in the frame":   {Protocols: []uint8{253, 1}, Tags: 2, Dst: prefixes("10.0.0.1/32", "fd00::1/128")},
	"without SKF_NET_OFF": {Protocols: []uint8{253}, HeaderLen: 14},
}

func every(step int) (all []uint8) {
	for p := 0; p < 256; p += step {
		all = append(all, uint8(p))
	}
	return all
}

// check compares a filter's verdict with the oracle's.
func check(t testing.TB, name string, s *filter.Spec, vm *bpf.VM, f frame) {
	t.Helper()
	n := run(t, vm, f)
	if v := judge(s, f); v == must && n == 0 || v == mustNot && n != 0 {
		t.Errorf("%s: the filter keeps %d bytes of %+v, the oracle says %d", name, n, f, v)
	}
}

func TestFiltersAgreeWithAnOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, s := range specs {
		link := 14
		vm := emulate(t, s.Program(), link)
		counts := map[verdict]int{}
		for range 20000 {
			f := randomFrame(r, link)
			counts[judge(s, f)]++
			check(t, name, s, vm, f)
		}
		if name != "nothing" && (counts[must] < 100 || counts[mustNot] < 100) {
			t.Errorf("%s: the packets are not a test: %v", name, counts)
		}
	}
}

func FuzzFilter(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		x := randomFrame(r, 0)
		f.Add(x.data, x.proto == wire.EtherTypeIPv6, uint8(x.kind), uint16(x.vlan))
	}
	vms := map[string]*bpf.VM{}
	for name, s := range specs {
		vms[name] = emulate(f, s.Program(), 14)
	}
	fanout := emulate(f, (&filter.Fanout{Payload: true, FlowLabel: true}).Program(), 14)
	f.Fuzz(func(t *testing.T, data []byte, v6 bool, kind uint8, vlan uint16) {
		x := frame{uint32(kind), wire.EtherTypeIPv4, uint32(vlan), make([]byte, 14), data}
		if v6 {
			x.proto = wire.EtherTypeIPv6
		}
		for name, s := range specs {
			check(t, name, s, vms[name], x)
		}
		run(t, fanout, x)
	})
}

func TestLinkHeadersOfAnyLength(t *testing.T) {
	s := specs["to addresses"]
	r := rand.New(rand.NewPCG(5, 6))
	for _, link := range []int{0, 4, 14, 18, 22, 144} {
		vm := emulate(t, s.Program(), link)
		for range 2000 {
			check(t, fmt.Sprint("link header of ", link), s, vm, randomFrame(r, link))
		}
	}
	plain := *s
	plain.HeaderLen = filter.NoHeader
	for range 2000 {
		check(t, "no header", s, emulate(t, plain.Program(), 99), randomFrame(r, 0))
	}
}

func TestSnapLength(t *testing.T) {
	f := frame{proto: wire.EtherTypeIPv4, data: make([]byte, 20)}
	for _, snap := range []uint32{0, 60, 65535} {
		s := filter.Spec{Any: true, SnapLen: snap}
		got := run(t, emulate(t, s.Program(), 0), f)
		// The VM, as the kernel, keeps no more than there is.
		if raw := s.Program(); got == 0 || snap != 0 && raw[len(raw)-1].K != snap || snap == 0 && raw[len(raw)-1].K < 65535+100 {
			t.Errorf("snap length %d: kept %d, program %v", snap, got, raw)
		}
	}
}

func TestProgramsFitTheKernel(t *testing.T) {
	var many []netip.Prefix
	a4, a6 := netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("fd00::")
	for range 20000 {
		a4, a6 = a4.Next(), a6.Next()
		many = append(many, netip.PrefixFrom(a4, 32), netip.PrefixFrom(a6, 128))
	}
	var ids []uint16
	for i := range 4096 {
		ids = append(ids, uint16(i))
	}
	for _, c := range []struct {
		name string
		s    filter.Spec
		most int
	}{
		{"all protocols", filter.Spec{Protocols: every(1)}, 220},
		{"one protocol", filter.Spec{Protocols: []uint8{253}}, 150},
		{"one IPv4 protocol", filter.Spec{V4: true, Protocols: []uint8{253}}, 12},
		{"400 addresses", filter.Spec{Protocols: every(1), Dst: many[:400]}, filter.MaxLen},
		{"20000 addresses", filter.Spec{Protocols: every(1), Dst: many}, filter.MaxLen},
		{"many of everything", filter.Spec{Protocols: every(1), Dst: many[:600], OtherHostDst: many, VLANs: ids[:1000]}, filter.MaxLen},
		{"all VLANs", filter.Spec{Protocols: every(1), VLANs: ids}, 220},
	} {
		raw := c.s.Program()
		if len(raw) > c.most {
			t.Errorf("%s: %d instructions, want at most %d", c.name, len(raw), c.most)
		}
		vm := emulate(t, raw, 0)
		for _, p := range many[max(0, len(c.s.Dst)-40):][:min(40, len(c.s.Dst))] {
			f := frame{proto: wire.EtherTypeIPv4, data: make([]byte, 60), vlan: 7}
			if a := p.Addr(); a.Is4() {
				copy(f.data[16:], a.AsSlice())
				f.data[9] = 253
			} else {
				f.proto = wire.EtherTypeIPv6
				copy(f.data[24:], a.AsSlice())
				f.data[6] = 253
			}
			if run(t, vm, f) == 0 {
				t.Errorf("%s: a packet to %v is dropped", c.name, p)
			}
		}
	}
	// A list that fits is tested to its end.
	s := filter.Spec{Any: true, Dst: many[:400]}
	f := frame{proto: wire.EtherTypeIPv4, data: make([]byte, 60)}
	copy(f.data[16:], many[400].Addr().AsSlice())
	if vm := emulate(t, s.Program(), 0); run(t, vm, f) != 0 {
		t.Error("400 addresses: another one is accepted")
	}
}
