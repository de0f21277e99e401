// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"testing"

	"protean/transport"
	"protean/transport/netlab"
)

// TestMartiansAreNotDelivered has packets come in for addresses that are this
// host's, but not on the interface that they come by (RFC 1122, section
// 3.2.1.3 (g); RFC 4291, section 2.5.3; RFC 4007).
func TestMartiansAreNotDelivered(t *testing.T) {
	lab := netlab.Test(t, netlab.Topology{
		Nodes: []netlab.NodeSpec{{Name: "a"}, {Name: "b"}},
		Links: []netlab.LinkSpec{{A: "a", B: "b"}, {A: "a", B: "b"}},
	})
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	here, other := b.Interfaces()[0], b.Interfaces()[1]
	families(t, func(t *testing.T, v6 bool) {
		src, typ := a.Addr4(), typeIPv4
		martians := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.1.2.3")}
		ours := []netip.Addr{here.Addr4.Addr(), other.Addr4.Addr()}
		if v6 {
			src, typ = a.Addr6(), typeIPv6
			martians = []netip.Addr{netip.IPv6Loopback(), other.LinkLocal}
			ours = []netip.Addr{here.Addr6.Addr(), other.Addr6.Addr(), here.LinkLocal}
		}
		write := func(dsts []netip.Addr) {
			for _, dst := range dsts {
				w.write(w.peer, typ, packet(src, dst, []byte("to "+dst.String())))
			}
		}
		dsts := func(packets []*transport.Packet) (d []netip.Addr) {
			for _, p := range packets {
				if p.Type() != transport.PacketHost {
					t.Errorf("to %v: type %v", p.Dst(), p.Type())
				}
				d = append(d, p.Dst())
			}
			return d
		}
		rings(t, func(t *testing.T, r Ring) {
			for _, lock := range [][]uint8{nil, {253}} { // by the filter, and behind one that looks at no addresses
				tr := open(t, b, Config{Ring: r, Lock: lock}, 253)
				write(martians)
				write(ours)
				if got := dsts(receive(t, tr, len(ours))); !slices.Equal(got, ours) {
					t.Errorf("lock %v: packets to %v were delivered, want %v", lock, got, ours)
				}
				want := uint64(0)
				if lock != nil {
					want = uint64(len(martians))
				}
				if n := tr.Stats().Dropped[transport.NotLocal]; n != want {
					t.Errorf("lock %v: %d dropped as not local, want %d", lock, n, want)
				}
				// They are foreign addresses like any other.
				if err := tr.ReceiveForeign(true); err != nil {
					t.Fatal(err)
				}
				write(martians)
				if got := dsts(receive(t, tr, len(martians))); !slices.Equal(got, martians) {
					t.Errorf("lock %v: with ReceiveForeign, packets to %v were delivered, want %v", lock, got, martians)
				}
			}
		})
	})
}

// TestTheLoopbackInterfaceHasAllOwnAddresses has the kernel send to them: there
// its packets come by.
func TestTheLoopbackInterfaceHasAllOwnAddresses(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	via := a.Interfaces()[0]
	zone := strconv.Itoa(via.Index)
	rings(t, func(t *testing.T, r Ring) {
		tr := open(t, a, Config{Interface: "lo", Ring: r}, 17)
		for _, dst := range []netip.Addr{
			netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.1.2.3"), a.Addr4(),
			netip.IPv6Loopback(), a.Addr6(), via.LinkLocal.WithZone(zone),
		} {
			err := a.Do(func() error {
				c, err := net.Dial("udp", netip.AddrPortFrom(dst, 9).String())
				if err != nil {
					return err
				}
				defer c.Close()
				_, err = c.Write([]byte("to myself"))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if p := receive(t, tr, 1)[0]; p.Dst() != dst.WithZone("") || p.Type() != transport.PacketHost {
				t.Errorf("to %v, of type %v; want one to %v", p.Dst(), p.Type(), dst)
			}
		}
	})
}
