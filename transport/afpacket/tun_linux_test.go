// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"bytes"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

// giveAddress gives an interface of a node an address.
func giveAddress(t testing.TB, n *netlab.Node, index int, p netip.Prefix) {
	t.Helper()
	family := uint8(unix.AF_INET)
	if p.Addr().Is6() {
		family = unix.AF_INET6
	}
	a := p.Addr().AsSlice()
	err := n.Do(func() error {
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Address.New(&rtnetlink.AddressMessage{
			Family: family, PrefixLength: uint8(p.Bits()), Index: uint32(index),
			Attributes: &rtnetlink.AddressAttributes{Address: a, Local: a},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readsFrom reads packets from a TUN device until the wanted one comes: the
// kernel has some of its own to send.
func readsFrom(t testing.TB, f *os.File, want []byte) {
	t.Helper()
	if err := f.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	for {
		n, err := f.Read(b)
		if err != nil {
			t.Fatalf("the packet did not come out of the device: %v", err)
		}
		if bytes.Equal(b[:n], want) {
			return
		}
	}
}

// TestATUNDevice has packets go in and out of a link without link headers and
// hardware addresses, of the largest size too.
func TestATUNDevice(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	n := lab.Node("a")
	const mtu = 1400
	f, index := netlab.TestTUN(t, n, "tun0", mtu)
	ends := map[bool][2]netip.Addr{
		false: {netip.MustParseAddr("10.99.0.1"), netip.MustParseAddr("10.99.0.2")},
		true:  {netip.MustParseAddr("fd99::1"), netip.MustParseAddr("fd99::2")},
	}
	giveAddress(t, n, index, netip.PrefixFrom(ends[false][0], 24))
	giveAddress(t, n, index, netip.PrefixFrom(ends[true][0], 64))
	for _, c := range []struct {
		name string
		cfg  Config
	}{
		{"V3", Config{}},
		{"V2, transmit ring", Config{Ring: V2, TxRing: true}},
		{"no ring, past the queueing discipline", Config{Ring: None, QdiscBypass: true}},
		{"cooked", Config{Cooked: true}},
		{"cooked, no ring", Config{Cooked: true, Ring: None}},
		{"all protocols", Config{All: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Interface = "tun0"
			tr := open(t, n, c.cfg, 253)
			if l := tr.Interfaces(); len(l) != 1 || l[0].Index != index || len(l[0].HardwareAddr) != 0 {
				t.Errorf("interfaces: %+v", l)
			}
			families(t, func(t *testing.T, v6 bool) {
				own, peer := ends[v6][0], ends[v6][1]
				for _, size := range []int{0, 100, mtu - 40} {
					in := packet(peer, own, bytes.Repeat([]byte{'i'}, size))
					if _, err := f.Write(in); err != nil {
						t.Fatal(err)
					}
					p := receive(t, tr, 1)[0]
					if !bytes.Equal(p.Data, in) || p.Type() != transport.PacketHost || int(p.IfIndex) != index {
						t.Errorf("received %d bytes, want %d; type %v, interface %d", len(p.Data), len(in), p.Type(), p.IfIndex)
					}
					out := packet(own, peer, bytes.Repeat([]byte{'o'}, size))
					mustSend(t, tr, out)
					readsFrom(t, f, out)
				}
			})
			if s := tr.Stats(); s.Received != 6 || s.Delivered != 6 || s.Sent != 6 || s.Unsent != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}
