// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
)

// TestNothingSlipsInBeforeTheFilter has packets come while transports are
// opened: without a Bind, none may get as far as to be counted.
func TestNothingSlipsInBeforeTheFilter(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	quit := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() {
		for {
			select {
			case <-quit:
				return
			default:
				w.write(w.peer, typeIPv4, between(a, b, false, []byte("before")))
			}
		}
	})
	defer flood.Wait()
	defer close(quit)
	rings(t, func(t *testing.T, r Ring) {
		for _, all := range []bool{false, true} {
			tr := open(t, b, Config{Ring: r, All: all})
			if c := settle(t, tr); len(c.packets) > 0 || tr.Stats().Received > 0 {
				t.Errorf("all %v: %d packets were delivered, stats %+v", all, len(c.packets), tr.Stats())
			}
		}
	})
}

func TestFramesForOthersAreNotDeliveredUnlessAskedFor(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	other := wire.MAC{2, 9, 9, 9, 9, 9}
	foreign := packet(a.Addr4(), netip.MustParseAddr("192.0.2.77"), []byte("elsewhere"))
	write := func() {
		w.write(other, typeIPv4, between(a, b, false, []byte("another hardware address")))
		w.write(w.peer, typeIPv4, foreign)
		w.write(w.peer, []byte{0x81, 0, 0, 5}, typeIPv4, between(a, b, false, []byte("tagged")))
	}
	rings(t, func(t *testing.T, r Ring) {
		tr := open(t, b, Config{Ring: r}, 253)
		write()
		w.write(w.peer, typeIPv4, between(a, b, false, []byte("ours")))
		if got := receive(t, tr, 1); string(got[0].Payload()) != "ours" {
			t.Errorf("received %q", got[0].Payload())
		}
		if c := settle(t, tr); len(c.packets) > 0 {
			t.Errorf("received %q", c.packets[0].Payload())
		}
		if err := tr.ReceiveForeign(true); err != nil {
			t.Fatal(err)
		}
		write()
		var got []string
		for _, p := range receive(t, tr, 3) {
			got = append(got, string(p.Payload()))
		}
		if !slices.Equal(got, []string{"another hardware address", "elsewhere", "tagged"}) {
			t.Errorf("with ReceiveForeign: %q", got)
		}
	})
}

func TestVLANTagsAreToldOnASocketForAllProtocols(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	rings(t, func(t *testing.T, r Ring) {
		for _, cooked := range []bool{false, true} {
			tr := open(t, b, Config{Ring: r, All: true, Cooked: cooked}, 253)
			tags := [][]byte{{0x81, 0, 0, 0}, {0x81, 0, 0x60, 5}, {0x88, 0xa8, 0, 9}, nil}
			for _, tag := range tags {
				w.write(w.peer, tag, typeIPv4, between(a, b, false, []byte("with a tag")))
			}
			w.write(w.peer, []byte{0x88, 0xa8, 0, 7, 0x81, 0, 0, 8}, typeIPv6, between(a, b, true, []byte("with two")))
			var c collector
			if cooked {
				// The kernel tells the protocol behind all tags and delivers from
				// the second tag on (vlan_get_protocol_dgram in
				// net/packet/af_packet.c): nobody can tell where the packet is.
				c.until(t, tr, func() bool { return len(c.packets) >= 4 && tr.Stats().Dropped[transport.Malformed] == 1 })
				continue
			}
			c.until(t, tr, func() bool { return len(c.packets) >= 5 })
			for i, want := range []wire.VLANTag{
				wire.VLANTagFrom(0x8100, 0), wire.VLANTagFrom(0x8100, 0x6005), wire.VLANTagFrom(0x88a8, 9), {}, wire.VLANTagFrom(0x88a8, 7),
			} {
				if c.tags[i] != want || c.packets[i].VLAN() != (i != 3) {
					t.Errorf("cooked %v, packet %d: tag %+v, VLAN %v; want %+v", cooked, i, c.tags[i], c.packets[i].VLAN(), want)
				}
			}
			if !c.packets[4].Is6() || string(c.packets[4].Payload()) != "with two" {
				t.Errorf("behind two tags: %q", c.packets[4].Payload())
			}
		}
	})
}

func TestMalformedPacketsAreCounted(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	change := func(v6 bool, f func(p []byte)) []byte {
		p := between(a, b, v6, []byte("malformed"))
		f(p)
		return p
	}
	rings(t, func(t *testing.T, r Ring) {
		tr := open(t, b, Config{Ring: r}, 253)
		for _, p := range [][]byte{
			change(false, func(p []byte) { p[10]++ }),            // header checksum
			change(false, func(p []byte) { p[2], p[3] = 9, 9 }),  // longer than the frame
			change(false, func(p []byte) { p[2], p[3] = 0, 19 }), // shorter than its header
			between(a, b, true, nil),                             // IPv6 as IPv4
		} {
			w.write(w.peer, typeIPv4, p)
		}
		w.write(w.peer, typeIPv6, change(true, func(p []byte) { p[4] = 9 })) // longer than the frame
		w.write(w.peer, typeIPv4, between(a, b, false, nil)[:12])            // cut in its header
		w.write(w.peer, typeIPv6)                                            // nothing behind the link header
		w.write(w.peer, typeIPv4, between(a, b, false, []byte("good")))
		if got := receive(t, tr, 1); string(got[0].Payload()) != "good" {
			t.Errorf("received %x", got[0].Data)
		}
		settle(t, tr)
		s := tr.Stats()
		if s.Received != s.Delivered+s.Dropped.Total() || s.Delivered != 1 {
			t.Errorf("stats do not add up: %+v", s)
		}
		// What is too short to tell its protocol, the filter does not take.
		if n := s.Dropped[transport.Malformed]; n < 4 {
			t.Errorf("%d packets are counted as malformed: %v", n, s.Malformed)
		}
	})
}

func TestChecksumsLeftToTheDeviceAreTold(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	rings(t, func(t *testing.T, r Ring) {
		tr := open(t, b, Config{Ring: r}, 17, 253)
		expect(t, tr, w, a, b, false) // one with a whole header checksum, and none other
		err := a.Do(func() error {
			c, err := net.Dial("udp", netip.AddrPortFrom(b.Addr4(), 9).String())
			if err != nil {
				return err
			}
			defer c.Close()
			_, err = c.Write([]byte("the sum of the pseudo header"))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if p := receive(t, tr, 1)[0]; p.Checksum() != transport.ChecksumPartial {
			t.Errorf("checksum state %v, want partial", p.Checksum())
		}
	})
}

// TestFramesAboveTheMTUAreDelivered has TCP send segments that the veth pair
// does not cut.
func TestFramesAboveTheMTUAreDelivered(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	rings(t, func(t *testing.T, r Ring) {
		tr := open(t, b, Config{Ring: r}, 6)
		var ln net.Listener
		if err := b.Do(func() (err error) { ln, err = net.Listen("tcp", b.Addr4().String()+":0"); return err }); err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		var c net.Conn
		if err := a.Do(func() (err error) { c, err = net.Dial("tcp", ln.Addr().String()); return err }); err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Write(make([]byte, 300_000)); err != nil && r == None {
			t.Logf("writing: %v", err) // nobody reads
		}
		largest, truncated := 0, func() bool { return r == V2 && tr.Stats().Malformed[wire.Truncated] > 0 }
		var got collector
		got.until(t, tr, func() bool {
			for _, p := range got.packets {
				largest = max(largest, len(p.Data))
				if len(p.Data) > 1500 && !p.Merged() {
					t.Fatalf("a packet of %d bytes is not said to be several", len(p.Data))
				}
			}
			return r != V2 && largest > 1500 || truncated()
		})
		// A frame of a V2 ring has no room for them: they are counted.
		if r == V2 && largest > 2048 {
			t.Errorf("a packet of %d bytes fitted a V2 frame", largest)
		}
		if s := tr.Stats(); r == V2 && (s.Malformed[wire.Truncated] == 0 || s.Dropped[transport.Malformed] < s.Malformed[wire.Truncated]) {
			t.Errorf("truncated %d, malformed %d", s.Malformed[wire.Truncated], s.Dropped[transport.Malformed])
		}
	})
}

// TestMergedDatagramsAreTold has UDP leave it to the device to cut a buffer into
// datagrams (UDP_SEGMENT, udp(7)), which a veth pair does not.
func TestMergedDatagramsAreTold(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	rings(t, func(t *testing.T, r Ring) {
		families(t, func(t *testing.T, v6 bool) {
			tr := open(t, b, Config{Ring: r}, 17)
			network, dst, header := "udp4", b.Addr4(), 28
			if v6 {
				network, dst, header = "udp6", b.Addr6(), 48
			}
			var ln net.PacketConn // or the kernel would refuse the second
			if err := b.Do(func() (err error) {
				ln, err = net.ListenPacket(network, netip.AddrPortFrom(dst, 0).String())
				return err
			}); err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			err := a.Do(func() error {
				c, err := net.Dial(network, ln.LocalAddr().String())
				if err != nil {
					return err
				}
				defer c.Close()
				raw, err := c.(*net.UDPConn).SyscallConn()
				if err != nil {
					return err
				}
				for _, s := range []struct{ segment, size int }{{0, 1000}, {1000, 4000}, {500, 1000}} {
					var bad error
					err := raw.Control(func(fd uintptr) { bad = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, s.segment) })
					if err = errors.Join(err, bad); err != nil {
						return err
					}
					if _, err := c.Write(make([]byte, s.size)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			var c collector
			c.until(t, tr, func() bool { return tr.Stats().Received == 3 })
			// Of two that fit the MTU together nothing is known: a limit.
			two := c.packets[len(c.packets)-1]
			if len(two.Data) != header+1000 || two.Merged() || two.Checksum() != transport.ChecksumPartial {
				t.Errorf("two datagrams: %d bytes, merged %v, checksum %v", len(two.Data), two.Merged(), two.Checksum())
			}
			if p := c.packets[0]; len(p.Data) != header+1000 || p.Merged() {
				t.Errorf("one datagram: %d bytes, merged %v", len(p.Data), p.Merged())
			}
			if r == V2 { // its frames have no room for four
				if s := tr.Stats(); len(c.packets) != 2 || s.Malformed[wire.Truncated] != 1 {
					t.Errorf("%d packets, truncated %d", len(c.packets), s.Malformed[wire.Truncated])
				}
				return
			}
			if p := c.packets[1]; len(p.Data) != header+4000 || !p.Merged() || p.Checksum() != transport.ChecksumPartial {
				t.Errorf("four datagrams: %d bytes, merged %v, checksum %v", len(p.Data), p.Merged(), p.Checksum())
			}
		})
	})
}

func TestKernelDropsAreCountedAndTold(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	rings(t, func(t *testing.T, r Ring) {
		tr := open(t, b, Config{Ring: r, V4: true, BlockSize: 4096, Blocks: 2, RcvBuf: 4096, RetireTimeout: 1e6}, 253)
		const n = 200
		for range n {
			w.write(w.peer, typeIPv4, between(a, b, false, make([]byte, 1000)))
		}
		var c collector
		c.until(t, tr, func() bool { return c.lost > 0 && uint64(len(c.packets))+tr.Stats().Lost == n })
		if c.lost != tr.Stats().Lost {
			c.until(t, tr, func() bool { return c.lost == tr.Stats().Lost })
		}
	})
}

// TestPacketsAboveTheMTUAtOpen has the MTU grow under a ring. The frames of a V2
// ring are as large as Open made them: what does not fit is counted.
func TestPacketsAboveTheMTUAtOpen(t *testing.T) {
	rings(t, func(t *testing.T, r Ring) {
		lab := netlab.Test(t, netlab.Pair())
		a, b := lab.Node("a"), lab.Node("b")
		tr := open(t, b, Config{Ring: r}, 253)
		w := tap(t, a, b)
		for _, n := range lab.Nodes() {
			if err := n.SetMTU("eth0", 9000); err != nil {
				t.Fatal(err)
			}
		}
		var c collector
		c.until(t, tr, func() bool { return len(c.links) > 0 && c.links[len(c.links)-1].MTU == 9000 })
		w.write(w.peer, typeIPv4, between(a, b, false, make([]byte, 5000)))
		w.write(w.peer, typeIPv6, between(a, b, true, make([]byte, 5000)))
		w.write(w.peer, typeIPv4, between(a, b, false, make([]byte, 1480)))
		w.write(w.peer, typeIPv6, between(a, b, true, make([]byte, 1460)))
		want, truncated := 4, uint64(0)
		if r == V2 {
			want, truncated = 2, 2
		}
		c.until(t, tr, func() bool { return len(c.packets) >= want && tr.Stats().Received == 4 })
		s := tr.Stats()
		if len(c.packets) != want || s.Malformed[wire.Truncated] != truncated || s.Dropped[transport.Malformed] != truncated {
			t.Errorf("%d packets, truncated %d, dropped %v", len(c.packets), s.Malformed[wire.Truncated], s.Dropped)
		}
		// Opened anew, it has room.
		again := open(t, b, Config{Ring: r}, 253)
		w.write(w.peer, typeIPv4, between(a, b, false, make([]byte, 5000)))
		if got := receive(t, again, 1)[0]; len(got.Payload()) != 5000 {
			t.Errorf("received %d bytes", len(got.Payload()))
		}
	})
}

func TestOutgoingPacketsAreDeliveredWhenAskedFor(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	rings(t, func(t *testing.T, r Ring) {
		without, with := open(t, a, Config{Ring: r, All: true}, 253), open(t, a, Config{Ring: r, All: true, Outgoing: true}, 253)
		w.write(w.peer, typeIPv4, between(a, b, false, []byte("on the way out")))
		if p := receive(t, with, 1)[0]; p.Type() != transport.PacketOutgoing || string(p.Payload()) != "on the way out" {
			t.Errorf("received %q of type %v", p.Payload(), p.Type())
		}
		if c := settle(t, without); len(c.packets) > 0 {
			t.Errorf("%q was delivered, not asked for", c.packets[0].Payload())
		}
	})
}

// TestForwardedPacketsGoOn has a router with a transport forward packets of the
// protocol that is bound there.
func TestForwardedPacketsGoOn(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a, b := lab.Node("a"), lab.Node("b")
	r := open(t, lab.Node("r1"), Config{HideFragments: true}, 253)
	ta, tb := open(t, a, Config{}), open(t, b, Config{}, 253)
	families(t, func(t *testing.T, v6 bool) {
		mustSend(t, ta, between(a, b, v6, []byte("in transit")))
		if p := receive(t, tb, 1)[0]; p.TTL() != 63 || string(p.Payload()) != "in transit" {
			t.Errorf("TTL %d, payload %q", p.TTL(), p.Payload())
		}
	})
	if c := settle(t, r); len(c.packets) > 0 {
		t.Errorf("the router's transport received %q", c.packets[0].Payload())
	}
}
