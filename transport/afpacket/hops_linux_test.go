// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
)

// TestWhereAPacketGoesIsRememberedUntilItChanges has what is remembered never grow
// old, and then be old.
func TestWhereAPacketGoesIsRememberedUntilItChanges(t *testing.T) {
	t.Parallel() // it waits for the kernel
	senders(t, func(t *testing.T, c Config) {
		families(t, func(t *testing.T, v6 bool) {
			lab := netlab.Test(t, netlab.Pair())
			a, b := lab.Node("a"), lab.Node("b")
			src, dst := a.Addr4(), b.Addr4()
			if v6 {
				src, dst = a.Addr6(), b.Addr6()
			}
			tr := open(t, a, c)
			last := &tr.queues[0].tx.last
			sniff := newSniffer(t, b)
			goes := func() wire.MAC {
				t.Helper()
				mustSend(t, tr, between(a, b, v6, []byte("12345678")))
				return sniff.next(t, func(p *transport.Packet) bool { return p.Protocol() == 253 && p.Src() == src }).Dst()
			}
			real := wire.MAC(b.Interfaces()[0].HardwareAddr)
			if got := goes(); got != real {
				t.Fatalf("the first packet went to %v, want %v", got, real)
			}
			for end := time.Now().Add(10 * time.Second); last.hop.state != hopReady; goes() {
				if time.Now().After(end) { // the first one waited for the neighbour
					t.Fatal("nothing is remembered")
				}
			}

			forged := wire.MAC{2, 0, 0, 0, 0, 1}
			for end := time.Now().Add(10 * time.Second); ; { // the kernel may announce something meanwhile
				last.hop.mac, last.since = forged, time.Hour
				if goes() == forged {
					break
				} else if time.Now().After(end) {
					t.Fatal("what is remembered is not used")
				}
			}
			last.since = -time.Hour
			if got := goes(); got != real {
				t.Errorf("what is old is used: %v", got)
			}

			other := wire.MAC{2, 0, 0, 0, 0, 2}
			neighbour := &rtnetlink.NeighMessage{
				Family: unix.AF_INET, Index: uint32(a.Interfaces()[0].Index), State: unix.NUD_PERMANENT,
				Attributes: &rtnetlink.NeighAttributes{Address: dst.AsSlice(), LLAddress: other[:]},
			}
			gateway := netip.MustParseAddr("10.77.1.9")
			if v6 {
				gateway = netip.MustParseAddr("fd77:1::9")
			}
			route := &rtnetlink.RouteMessage{
				Family: unix.AF_INET, DstLength: 32, Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST, Protocol: unix.RTPROT_STATIC,
				Attributes: rtnetlink.RouteAttributes{Dst: dst.AsSlice(), Gateway: gateway.AsSlice(), OutIface: neighbour.Index},
			}
			if v6 {
				neighbour.Family, route.Family, route.DstLength = unix.AF_INET6, unix.AF_INET6, 128
			}
			change := func(m interface{ MarshalBinary() ([]byte, error) }, kind uint16) {
				t.Helper()
				err := a.Do(func() error {
					conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
					if err != nil {
						return err
					}
					defer conn.Close()
					body, err := m.MarshalBinary()
					if err != nil {
						return err
					}
					_, err = conn.Execute(netlink.Message{
						Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | netlink.Acknowledge | netlink.Create | netlink.Replace},
						Data:   body,
					})
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			change(neighbour, unix.RTM_NEWNEIGH)
			for end := time.Now().Add(10 * time.Second); ; {
				last.since = time.Hour
				if got := goes(); got == other {
					break
				} else if got != real || time.Now().After(end) {
					t.Fatalf("the neighbour has another address, and packets go to %v", got)
				}
			}
			change(route, unix.RTM_NEWROUTE)
			for end := time.Now().Add(10 * time.Second); ; {
				last.since = time.Hour
				if mustSend(t, tr, between(a, b, v6, []byte("12345678"))); last.hop.via == gateway {
					break
				} else if time.Now().After(end) {
					t.Fatal("there is another route, and packets go where they went")
				}
			}
		})
	})
}

// Who only sends is not told that an interface comes up, which may have another
// name by then.
func TestAnInterfaceThatCameUpIsSentThroughWithoutReceiving(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	if err := a.SetLink("eth0", false); err != nil {
		t.Fatal(err)
	}
	tr := open(t, a, Config{})
	if err := send(tr, between(a, b, false, []byte("12345678"))); !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("sending while it is down: %v", err)
	}
	err := a.Do(func() error {
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		index := uint32(a.Interfaces()[0].Index)
		if err := c.Link.Set(&rtnetlink.LinkMessage{Index: index, Attributes: &rtnetlink.LinkAttributes{Name: "other"}}); err != nil {
			return err
		}
		return c.Link.Set(&rtnetlink.LinkMessage{Index: index, Flags: unix.IFF_UP, Change: unix.IFF_UP})
	})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if err = send(tr, between(a, b, false, []byte("12345678"))); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatalf("sending after it came up: %v", err)
		}
	}
}

// TestFramesComeFromTheAddressThatTheInterfaceHas changes it after packets went to
// the same destination.
func TestFramesComeFromTheAddressThatTheInterfaceHas(t *testing.T) {
	senders(t, func(t *testing.T, c Config) {
		families(t, func(t *testing.T, v6 bool) {
			lab := netlab.Test(t, netlab.Pair())
			a, b := lab.Node("a"), lab.Node("b")
			tr := open(t, a, c)
			sniff := newSniffer(t, b)
			comes := func() wire.MAC {
				t.Helper()
				mustSend(t, tr, between(a, b, v6, []byte("12345678")))
				frame := sniff.next(t, func(p *transport.Packet) bool { return p.Protocol() == 253 })
				if want := map[bool]uint16{false: protocol4, true: protocol6}[v6]; frame.EtherType() != want {
					t.Errorf("a frame of type %#04x", frame.EtherType())
				}
				return frame.Src()
			}
			if got, want := comes(), wire.MAC(a.Interfaces()[0].HardwareAddr); got != want {
				t.Fatalf("from %v, want %v", got, want)
			}
			last := &tr.queues[0].tx.last
			for end := time.Now().Add(10 * time.Second); last.hop.state != hopReady; comes() {
				if time.Now().After(end) { // the first one waited for the neighbour
					t.Fatal("nothing is remembered")
				}
			}
			other := wire.MAC{2, 0, 0, 0, 0, 3}
			err := a.Do(func() error {
				c, err := rtnetlink.Dial(nil)
				if err != nil {
					return err
				}
				defer c.Close()
				return c.Link.Set(&rtnetlink.LinkMessage{
					Index: uint32(a.Interfaces()[0].Index), Attributes: &rtnetlink.LinkAttributes{Address: other[:]},
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			q, drop := tr.Queues()[0], sink(func(*transport.Packet) {})
			for end := time.Now().Add(10 * time.Second); tr.hardwareAddr() != other; {
				if time.Now().After(end) {
					t.Fatal("the transport does not hear of the new address")
				}
				q.Wait(time.Now().Add(10 * time.Millisecond))
				q.Recv(drop, 64)
			}
			last.since = time.Hour // as if it had been looked up just before the transport heard of it
			last.routes, last.neighs = tr.hops.generation()
			if got := comes(); got != other {
				t.Errorf("from %v, want %v", got, other)
			}
		})
	})
}
