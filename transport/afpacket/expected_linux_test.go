// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport/netlab"
)

// TestAPacketUnlikeTheOneBeforeIsJudgedByItself has packets that are different
// in some way come between others that are alike. What becomes of all of them has
// to be the same with a ring, which expects more of the same, as without.
func TestAPacketUnlikeTheOneBeforeIsJudgedByItself(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	families(t, func(t *testing.T, v6 bool) {
		for _, when := range []string{"as opened", "with foreign packets", "refused after they came"} {
			t.Run(when, func(t *testing.T) {
				var want []string
				for _, r := range []Ring{None, V3, V2} {
					// Nobody reads while frames are written: blocks are not to be used up by time.
					tr := open(t, b, Config{Ring: r, RetireTimeout: 200 * time.Millisecond}, 253, 252, flagDF4, wire.ExtMobility) // an extension header may be bound
					foreign(t, tr, when != "as opened")
					expect(t, tr, w, a, b, v6)
					writeUnlike(w, a, b, v6)
					if when == "refused after they came" { // what the kernel's filter took is judged once more
						foreign(t, tr, false)
					}
					got := fates(t, tr)
					if r == None {
						want = got
						if s := tr.Stats(); s.Delivered < 50 || s.Dropped.Total() < 3 {
							t.Errorf("%d delivered, %d dropped: too few to tell anything", s.Delivered, s.Dropped.Total())
						}
					}
					for i := range max(len(got), len(want)) {
						if i >= len(got) || i >= len(want) || got[i] != want[i] {
							t.Errorf("ring %v, line %d:\n%q, without\n%q", r, i, got[min(i, len(got)):], want[min(i, len(want)):])
							break
						}
					}
					tr.Close()
				}
			})
		}
	})
}

// expect has the transport receive what is usual.
func expect(t *testing.T, tr *Transport, w *wireTap, a, b *netlab.Node, v6 bool) {
	t.Helper()
	w.write(w.peer, map[bool][]byte{false: typeIPv4, true: typeIPv6}[v6], between(a, b, v6, []byte("usual")))
	receive(t, tr, 1)
}

// foreign has the transport deliver what is not for this host, and another
// protocol, or not.
func foreign(t *testing.T, tr *Transport, on bool) {
	t.Helper()
	if err := tr.ReceiveForeign(on); err != nil {
		t.Fatal(err)
	}
	if on {
		if err := tr.Bind(251); err != nil {
			t.Fatal(err)
		}
	} else {
		tr.Unbind(251)
	}
}

// writeUnlike writes frames, of which the last is delivered.
func writeUnlike(w *wireTap, a, b *netlab.Node, v6 bool) {
	typ, changes := typeIPv4, unlike4
	if v6 {
		typ, changes = typeIPv6, unlike6
	}
	usual := func() {
		for range 3 {
			w.write(w.peer, typ, between(a, b, v6, []byte("usual")))
		}
	}
	for i, change := range changes {
		usual()
		p, dst := change(between(a, b, v6, fmt.Appendf(nil, "unusual: %d", i))), w.peer
		switch {
		case !v6 && len(p) >= 20 && p[16] == 255:
			dst = wire.MAC{255, 255, 255, 255, 255, 255}
		case !v6 && len(p) >= 20 && p[16] == 224:
			dst = wire.MAC{1, 0, 0x5e, 0, 0, 1}
		case !v6 && len(p) >= 20 && p[8] == 77 || v6 && len(p) >= 40 && p[7] == 77:
			dst = wire.MAC{2, 9, 9, 9, 9, 9}
		case v6 && len(p) >= 40 && p[24] == 0xff:
			dst = wire.MAC{0x33, 0x33, 0, 0, 0, 1}
		}
		w.write(dst, typ, p)
	}
	usual()
	w.write(w.peer, typ, between(a, b, v6, []byte("last")))
}

// fates returns what was delivered up to the last packet, and why others were
// not.
func fates(t *testing.T, tr *Transport) (lines []string) {
	t.Helper()
	var c collector
	c.until(t, tr, func() bool {
		return len(c.packets) > 0 && string(c.packets[len(c.packets)-1].Payload()) == "last"
	})
	for _, p := range c.packets {
		lines = append(lines, fmt.Sprintf("%q of %d in %x: protocol %d, type %d, interface %d, header %d, fragment %v of %d, truncated %v, checksum %v, stamp %v",
			p.Payload(), p.Len, p.Data, p.Protocol(), p.Type(), p.IfIndex, p.HeaderLen(), p.Fragment(), p.FragSize, p.Truncated(), p.Checksum(), p.TimeSource()))
	}
	s := tr.Stats()
	return append(lines, fmt.Sprintf("%d of %d bytes received, %d delivered, dropped %v, malformed %v", s.Received, s.ReceivedBytes, s.Delivered, s.Dropped, s.Malformed))
}

// sum4 brings the header checksum up to date.
func sum4(p []byte) []byte {
	p[10], p[11] = 0, 0
	binary.BigEndian.PutUint16(p[10:], checksum.Checksum(p[:int(p[0]&15)*4]))
	return p
}

var unlike4 = []func(p []byte) []byte{
	func(p []byte) []byte { return p },
	func(p []byte) []byte { p[8]++; return sum4(p) },                                        // TTL
	func(p []byte) []byte { p[8] = 77; return sum4(p) },                                     // to another hardware address
	func(p []byte) []byte { p[1] = 0xb8; return sum4(p) },                                   // TOS
	func(p []byte) []byte { p[15] ^= 1; return sum4(p) },                                    // source
	func(p []byte) []byte { p[9] = 252; return sum4(p) },                                    // protocol
	func(p []byte) []byte { p[9] = 251; return sum4(p) },                                    // one that is not bound
	func(p []byte) []byte { p[10]++; return p },                                             // checksum
	func(p []byte) []byte { p[10], p[11] = 0, 0; return p },                                 // none
	func(p []byte) []byte { p[6] = 0x40; return sum4(p) },                                   // DF
	func(p []byte) []byte { p[6] = 0x80; return sum4(p) },                                   // the reserved bit
	func(p []byte) []byte { p[6] = 0x20; return sum4(p) },                                   // MF
	func(p []byte) []byte { p[7] = 2; return sum4(p) },                                      // offset
	func(p []byte) []byte { p[6] = 0x1f; return sum4(p) },                                   // large
	func(p []byte) []byte { p[2], p[3] = 0, 24; return sum4(p) },                            // padding behind it
	func(p []byte) []byte { p[2], p[3] = 0, 20; return sum4(p) },                            // and nothing before
	func(p []byte) []byte { p[2], p[3] = 0, 19; return sum4(p) },                            // shorter than its header
	func(p []byte) []byte { p[2], p[3] = 0, 0; return sum4(p) },                             //
	func(p []byte) []byte { p[3]++; return sum4(p) },                                        // longer than the frame
	func(p []byte) []byte { p[2] = 0xff; return sum4(p) },                                   //
	func(p []byte) []byte { p[0] = 0x44; return p },                                         // header length
	func(p []byte) []byte { p[0] = 0x46; return sum4(p) },                                   // options
	func(p []byte) []byte { p[0] = 0x4f; return p },                                         // longer than the packet
	func(p []byte) []byte { p[0] = 0x55; return sum4(p) },                                   // version
	func(p []byte) []byte { p[0] = 0x65; return sum4(p) },                                   //
	func(p []byte) []byte { p[0] = 0; return p },                                            //
	func(p []byte) []byte { copy(p[16:], []byte{255, 255, 255, 255}); return sum4(p) },      // broadcast
	func(p []byte) []byte { copy(p[16:], []byte{224, 0, 0, 1}); return sum4(p) },            // multicast
	func(p []byte) []byte { copy(p[16:], []byte{0, 0, 0, 0}); return sum4(p) },              // nobody
	func(p []byte) []byte { copy(p[16:], []byte{192, 0, 2, 77}); return sum4(p) },           // somebody else
	func(p []byte) []byte { return p[:20] },                                                 // cut
	func(p []byte) []byte { return p[:12] },                                                 // in its header
	func(p []byte) []byte { return nil },                                                    //
	func(p []byte) []byte { p = append(p, make([]byte, 900)...); return sum4(p) },           // much padding
	func(p []byte) []byte { p = append(p, make([]byte, 900)...); p[2] = 2; return sum4(p) }, // long
	func(p []byte) []byte { // IPv6 as IPv4
		return packet(netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2"), p)
	},
	func(p []byte) []byte { return as4(p, netip.MustParseAddr("fd00::2")) },
	func(p []byte) []byte { return as4(p, netip.IPv6Unspecified()) },
}

// as4 returns an IPv6 packet that looks to a filter like the IPv4 packet p.
func as4(p []byte, dst netip.Addr) []byte {
	q := packet(netip.MustParseAddr("fd00::1"), dst, p)
	copy(q[12:], p[12:20])
	q[9] = 253
	return q
}

// as6 returns an IPv4 packet to nobody that looks to a filter like the IPv6 packet p.
func as6(p []byte) []byte {
	q := packet(netip.MustParseAddr("10.0.0.1"), netip.IPv4Unspecified(), append(p[:4:4], p[24:]...))
	q[6] = flagDF4
	return sum4(q)
}

// flagDF4 is DF where IPv4 has it, and a protocol where IPv6 has that.
const flagDF4 = 0x40

// withOption inserts an extension header of 8 bytes with a PadN option.
func withOption(p []byte, number uint8) []byte {
	q := append(p[:40:40], p[6], 0, 1, 4, 0, 0, 0, 0)
	q = append(q, p[40:]...)
	q[6] = number
	q[5] += 8
	return q
}

var unlike6 = []func(p []byte) []byte{
	func(p []byte) []byte { return p },
	func(p []byte) []byte { p[7]++; return p },                                      // hop limit
	func(p []byte) []byte { p[7] = 77; return p },                                   // to another hardware address
	func(p []byte) []byte { p[0], p[1], p[2] = 0x6b, 0x8f, 0xff; return p },         // traffic class, flow label
	func(p []byte) []byte { p[23] ^= 1; return p },                                  // source
	func(p []byte) []byte { p[6] = 252; return p },                                  // protocol
	func(p []byte) []byte { p[6] = 251; return p },                                  // one that is not bound
	func(p []byte) []byte { p[6] = wire.ExtMobility; return p },                     //
	func(p []byte) []byte { p[6] = 59; return p },                                   // no next header
	func(p []byte) []byte { return withOption(p, wire.ExtHopByHop) },                //
	func(p []byte) []byte { return withOption(p, wire.ExtDestination) },             //
	func(p []byte) []byte { return withOption(withOption(p, 60), 60) },              //
	func(p []byte) []byte { q := withOption(p, 44); q[43] = 1; return q },           // fragment
	func(p []byte) []byte { q := withOption(p, 44); q[42], q[43] = 0, 0; return q }, // of a whole (RFC 6946)
	func(p []byte) []byte { p[6] = 44; return p },                                   // what is no fragment header
	func(p []byte) []byte { p[6] = 0; return p },                                    //
	func(p []byte) []byte { p[5] = 4; return p },                                    // padding behind it
	func(p []byte) []byte { p[5] = 0; return p },                                    // and nothing before
	func(p []byte) []byte { p[5] = 0; p[6] = 0; return p },                          // a jumbogram
	func(p []byte) []byte { p[5]++; return p },                                      // longer than the frame
	func(p []byte) []byte { p[4] = 0xff; return p },                                 //
	func(p []byte) []byte { p[0] = 0x50; return p },                                 // version
	func(p []byte) []byte { p[0] = 0x45; return p },                                 //
	func(p []byte) []byte { p[0] = 0; return p },                                    //
	func(p []byte) []byte { copy(p[24:], netip.IPv6Unspecified().AsSlice()); return p },
	func(p []byte) []byte { copy(p[24:], netip.IPv6LinkLocalAllNodes().AsSlice()); return p },
	func(p []byte) []byte { p[39] ^= 0x40; return p }, // somebody else
	func(p []byte) []byte { return p[:40] },           // cut
	func(p []byte) []byte { return p[:30] },           // in its header
	func(p []byte) []byte { return nil },              //
	func(p []byte) []byte { // IPv4 as IPv6, to nobody
		return packet(netip.MustParseAddr("10.0.0.1"), netip.IPv4Unspecified(), p)
	},
	func(p []byte) []byte {
		return packet(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), p)
	},
	as6,
}

// TestALimitMayBeAnyNumber also has packets that are dropped come first, which do
// not count towards it.
func TestALimitMayBeAnyNumber(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	rings(t, func(t *testing.T, r Ring) {
		tr := open(t, b, Config{Ring: r}, 253)
		const bad = 100
		for range bad {
			p := between(a, b, false, []byte("bad"))
			p[10]++
			w.write(w.peer, typeIPv4, p)
		}
		w.write(w.peer, typeIPv4, between(a, b, false, []byte("good")))
		c := collector{from: tr}
		calls := 0
		for len(c.packets) == 0 {
			if err := tr.queues[0].Wait(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			before := tr.Stats().Received
			if _, err := tr.queues[0].Recv(&c, math.MaxInt); err != nil {
				t.Fatal(err)
			}
			if tr.Stats().Received > before {
				calls++
			}
		}
		if calls > bad/2 {
			t.Errorf("%d calls for %d packets", calls, bad+1)
		}
	})
}

// TestATagIsOfItsPacketOnly: what a packet that was dropped had is not told of
// the next one. The kernel gives none with a tag to a socket for one protocol, so
// one is made up.
func TestATagIsOfItsPacketOnly(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	families(t, func(t *testing.T, v6 bool) {
		tr := open(t, b, Config{Ring: V3}, 253)
		c := collector{}
		for i := range 3 {
			w.write(w.peer, map[bool][]byte{false: typeIPv4, true: typeIPv6}[v6], between(a, b, v6, []byte("usual")))
			c.until(t, tr, func() bool { return len(c.packets) == i+1 })
			if c.tags[i] != (wire.VLANTag{}) {
				t.Errorf("packet %d has tag %+v", i, c.tags[i])
			}
			if tr.queues[0].take(&frame{data: make([]byte, 40), len: 40, status: unix.TP_STATUS_VLAN_VALID, tci: 5, protocol: protocol4}) {
				t.Fatal("a packet of zeros is taken")
			}
		}
	})
}

// TestWhatHasChangedIsToldBeforeThePacketsThatFollow has an interface change
// while the queue waits for a block.
func TestWhatHasChangedIsToldBeforeThePacketsThatFollow(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	tr := open(t, b, Config{Ring: V3}, 253)
	c := settle(t, tr)
	links := len(c.links)
	if err := b.SetMTU("eth0", 1400); err != nil {
		t.Fatal(err)
	}
	w.write(w.peer, typeIPv4, between(a, b, false, []byte("after")))
	time.Sleep(50 * time.Millisecond) // the block's time
	if err := tr.queues[0].Wait(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	c.from = tr
	if _, err := tr.queues[0].Recv(c, 64); err != nil {
		t.Fatal(err)
	}
	if len(c.links) == links && len(c.packets) > 0 {
		t.Error("a packet came before the change that it came after")
	}
	c.until(t, tr, func() bool { return len(c.links) > links && len(c.packets) > 0 })
}
