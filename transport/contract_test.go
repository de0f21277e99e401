// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"protean/proto/wire"
)

type wrapped struct{ Transport }

func (w wrapped) Unwrap() Transport { return w.Transport }

type counting struct{ Transport }

func (counting) Stats() Stats { return Stats{Received: 7} }

func TestAsLooksThroughDecorators(t *testing.T) {
	var t1 Transport = wrapped{wrapped{counting{}}}
	if s, ok := As[StatsReader](t1); !ok || s.Stats().Received != 7 {
		t.Error("the ability below two decorators was not found")
	}
	if _, ok := As[counting](t1); !ok {
		t.Error("the concrete type was not found")
	}
	if _, ok := As[Router](t1); ok {
		t.Error("an ability was found that nobody has")
	}
	if _, ok := As[Router](nil); ok {
		t.Error("nil has an ability")
	}
}

func TestErrorsAreTheStandardOnes(t *testing.T) {
	for _, c := range []struct{ err, is error }{
		{&TooBigError{Size: 1501, MTU: 1500}, syscall.EMSGSIZE},
		{&PermissionError{Op: "socket", Capability: "CAP_NET_RAW", Err: syscall.EPERM}, fs.ErrPermission},
		{&PermissionError{Op: "socket", Capability: "CAP_NET_RAW", Err: syscall.EPERM}, syscall.EPERM},
		{&UnsupportedError{Transport: "x", Feature: "y"}, errors.ErrUnsupported},
		{&NetworkError{Errno: syscall.ENOPROTOOPT}, syscall.ENOPROTOOPT},
	} {
		if !errors.Is(c.err, c.is) {
			t.Errorf("%v is not %v", c.err, c.is)
		}
	}
	e := &NetworkError{Origin: OriginICMP, Type: 3, Code: 2, Errno: syscall.ENOPROTOOPT, Dst: netip.MustParseAddr("10.0.0.2"), Offender: netip.MustParseAddr("10.0.0.9")}
	for _, want := range []string{"type 3 code 2", "10.0.0.2", "10.0.0.9"} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("%q does not say %q", e, want)
		}
	}
}

func TestNetworkErrorsSayWhatHappened(t *testing.T) {
	for want, e := range map[string]NetworkError{
		"protocol unreachable (ICMP type 3 code 2) sending to 10.0.0.2, from 10.0.0.9": {
			Origin: OriginICMP, Type: 3, Code: 2, Errno: syscall.ENOPROTOOPT, Dst: netip.MustParseAddr("10.0.0.2"), Offender: netip.MustParseAddr("10.0.0.9")},
		"hop limit exceeded in transit (ICMPv6 type 3 code 0)":    {Origin: OriginICMP6, Type: 3, Errno: syscall.EHOSTUNREACH},
		syscall.EHOSTUNREACH.Error() + " (ICMPv6 type 1 code 77)": {Origin: OriginICMP6, Type: 1, Code: 77, Errno: syscall.EHOSTUNREACH},
		"network error (ICMP type 99 code 1)":                     {Origin: OriginICMP, Type: 99, Code: 1},
		syscall.EMSGSIZE.Error() + " sending to 10.0.0.2":         {Origin: OriginLocal, Type: 3, Errno: syscall.EMSGSIZE, Dst: netip.MustParseAddr("10.0.0.2")},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, e := range map[string]TooBigError{
		"packet of 1501 bytes is larger than the MTU of 1500":              {Size: 1501, MTU: 1500},
		"packet of 65576 bytes is larger than the 65575 that one can have": {Size: 65576, MTU: 65575},
		"packet of 1501 bytes is larger than the MTU":                      {Size: 1501},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCountersAreListedByName(t *testing.T) {
	s := Stats{Dropped: Drops{NoHandler: 3, TooBig: 1}}
	s.Malformed[wire.TooShort] = 2
	for want, got := range map[string]string{
		"no handler 3, too big 1":     s.Dropped.String(),
		wire.TooShort.String() + " 2": s.Malformed.String(),
		"none":                        MalformedCounts{}.String(),
		fmt.Sprint(Stats{}.Dropped, s.Dropped.Total()): "none 4",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestEveryDropReasonHasAName(t *testing.T) {
	seen := map[string]bool{}
	for r := range DropReason(NumDropReasons) {
		if s := r.String(); s == "" || seen[s] {
			t.Errorf("reason %d: %q", r, s)
		} else {
			seen[s] = true
		}
	}
	if DropReason(200).String() == "" || (Malformed).Error() != "dropped: malformed" {
		t.Error("reasons outside the range, or as errors")
	}
}

func TestCheckProtocol(t *testing.T) {
	for p, want := range map[int][2]bool{ // IPv4 alone, with IPv6
		-1: {}, 0: {}, 256: {}, 1: {true, true}, 255: {true, true}, 253: {true, true},
		43: {true, false}, 44: {true, false}, 60: {true, false},
	} {
		var pe *ProtocolError
		for i, v6 := range []bool{false, true} {
			err := CheckProtocol(p, v6)
			if (err == nil) != want[i] || err != nil && !errors.As(err, &pe) {
				t.Errorf("protocol %d, IPv6 %v: %v", p, v6, err)
			}
		}
	}
}

func TestBatchDropMakesTheNextPacketTheFirst(t *testing.T) {
	var b Batch
	for i := range 4 {
		b.Slots = append(b.Slots, Slot{Ref: uint64(i)})
	}
	refs := func() (r []uint64) {
		for _, s := range b.Slots {
			r = append(r, s.Ref)
		}
		return r
	}
	b.Drop()
	if !slices.Equal(refs(), []uint64{1, 2, 3, 0}) {
		t.Errorf("after Drop: %v", refs())
	}
	b.Truncate(3)
	b.Shift(1)
	if !slices.Equal(refs(), []uint64{2, 3}) {
		t.Errorf("after Truncate and Shift: %v", refs())
	}
}

func TestInterfaceAddrPrefersGlobalAddresses(t *testing.T) {
	i := Interface{Prefixes: []netip.Prefix{
		netip.MustParsePrefix("fe80::1/64"), netip.MustParsePrefix("fd00::1/64"), netip.MustParsePrefix("10.0.0.1/24"),
	}}
	if i.Addr(false).String() != "10.0.0.1" || i.Addr(true).String() != "fd00::1" {
		t.Errorf("chose %v and %v", i.Addr(false), i.Addr(true))
	}
	i.Prefixes = i.Prefixes[:1]
	if i.Addr(true).String() != "fe80::1" || i.Addr(false).IsValid() {
		t.Errorf("with a link-local address alone: %v and %v", i.Addr(true), i.Addr(false))
	}
}

func TestAddressesOfAnInterface(t *testing.T) {
	var f Interface
	if f.Addr(false).IsValid() || f.Addr(true).IsValid() || f.LinkLocal().IsValid() {
		t.Error("addresses of an interface without any")
	}
	for _, p := range []string{"169.254.0.1/16", "fe80::1/64", "10.0.0.1/24", "fe80::2/64"} {
		f.Prefixes = append(f.Prefixes, netip.MustParsePrefix(p))
	}
	if got := f.Addr(true).String() + " " + f.LinkLocal().String() + " " + f.Addr(false).String(); got != "fe80::1 fe80::1 169.254.0.1" {
		t.Error(got)
	}
	f.Prefixes = append(f.Prefixes, netip.MustParsePrefix("2001:db8::1/64"))
	if got := f.Addr(true).String() + " " + f.LinkLocal().String(); got != "2001:db8::1 fe80::1" {
		t.Error(got)
	}
}
