// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"errors"
	"syscall"
	"testing"

	"protean/transport"
)

func TestProtocolsThatCannotBeGuarded(t *testing.T) {
	for _, test := range []struct {
		name     string
		protocol int
		families Families
	}{
		{"0 is no protocol", 0, 0},
		{"negative numbers are none", -1, 0},
		{"256 does not fit the header", 256, 0},
		{"a routing header is none of IPv6", 43, V6},
		{"a fragment header is none of IPv6", 44, V4 | V6},
		{"destination options are none of IPv6", 60, V6},
	} {
		t.Run(test.name, func(t *testing.T) {
			sockets := fakeSockets{}
			g, err := Open(test.protocol, &Config{Families: test.families})
			if test.protocol > 0 && test.protocol < 256 {
				g, err = open(test.protocol, Config{Families: test.families}, sockets.open)
			}
			if want := (*transport.ProtocolError)(nil); !errors.As(err, &want) || want.Protocol != test.protocol {
				t.Errorf("%v, %v; want a ProtocolError for %d", g, err, test.protocol)
			}
		})
	}
	if _, err := Open(253, &Config{Families: 4}); err == nil {
		t.Error("an unknown family is accepted")
	}
}

// fakeSockets stands in for a host that lacks the families in absent. Its
// descriptors are -1, whose closing the kernel refuses and nothing else.
type fakeSockets struct{ absent Families }

func (s fakeSockets) open(_ int, family Families) (int, error) {
	if s.absent&family != 0 {
		return -1, &FamilyError{Families: family, Err: syscall.EAFNOSUPPORT}
	}
	return -1, nil
}

func TestFamiliesThatAreMissing(t *testing.T) {
	for _, test := range []struct {
		name      string
		protocol  int
		absent    Families
		ask       Families
		want      Families // 0: an error
		unguarded Families
	}{
		{"both by default", 253, 0, 0, V4 | V6, 0},
		{"a host without IPv6 is guarded for IPv4, and it is said", 253, V6, 0, V4, V6},
		{"a host without IPv4 is guarded for IPv6, and it is said", 253, V4, 0, V6, V4},
		{"a host without either is refused", 253, V4 | V6, 0, 0, 0},
		{"asking for IPv6 where there is none is refused", 253, V6, V4 | V6, 0, 0},
		{"asking for IPv4 alone does not need IPv6", 253, V6, V4, V4, 0},
		{"an extension header number is guarded for IPv4, and it is said", 44, 0, 0, V4, V6},
	} {
		t.Run(test.name, func(t *testing.T) {
			g, err := open(test.protocol, Config{Families: test.ask}, fakeSockets{test.absent}.open)
			if test.want == 0 {
				if !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("%v, %v; want an error that matches ErrUnsupported", g, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if g.Families() != test.want {
				t.Errorf("guards %v, want %v", g.Families(), test.want)
			}
			var missing *FamilyError
			errors.As(g.Unguarded(), &missing)
			switch {
			case test.unguarded == 0 && g.Unguarded() != nil:
				t.Errorf("unguarded: %v", g.Unguarded())
			case test.unguarded != 0 && (missing == nil || missing.Families != test.unguarded):
				t.Errorf("unguarded: %v, want a FamilyError about %v", g.Unguarded(), test.unguarded)
			}
		})
	}
}
