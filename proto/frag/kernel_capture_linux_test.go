// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/frag"
	"protean/proto/wire"
	"protean/transport"
	"protean/transport/rawip"
)

// A tap sees the IP packets that arrive in b, before the kernel does anything
// with them.
type tap struct {
	k   *kernel
	fd  int
	buf []byte
}

func newTap(k *kernel) *tap {
	k.t.Helper()
	fd := packetSocket(k.t, k.b, unix.SOCK_DGRAM, k.etherType(), k.b.Interfaces()[0].Index)
	tv := unix.NsecToTimeval(patience.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		k.t.Fatal(err)
	}
	return &tap{k, fd, make([]byte, 1<<16)}
}

// next returns the next packet that the test sent. It is valid until the next
// call.
func (c *tap) next() []byte {
	c.k.t.Helper()
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			c.k.t.Fatalf("nothing more was seen: %v", err)
		}
		// Neighbour discovery and group reports are seen as well.
		b := c.buf[:n]
		if c.k.family == 4 && b[9] == 253 {
			return b
		}
		if c.k.family == 6 && b[6] != wire.ProtoICMPv6 && [16]byte(b[24:]) == c.k.b.Addr6().As16() {
			return b
		}
	}
}

// whole returns the next packet seen, reassembled, and its fragments.
func (c *tap) whole(g *rig) (packet []byte, fragments [][]byte) {
	c.k.t.Helper()
	largest := 0
	for {
		b := bytes.Clone(c.next())
		fragments = append(fragments, b)
		largest = max(largest, len(b))
		switch v, p, d := g.feed(b, frag.Meta{}); v {
		case frag.Held:
		case frag.Whole:
			return b, fragments
		case frag.Complete:
			if d.FragSize != largest || d.Fragments != len(fragments) {
				c.k.t.Fatalf("%d fragments of at most %d, want %d and %d", d.Fragments, d.FragSize, len(fragments), largest)
			}
			return p, fragments
		default:
			c.k.t.Fatalf("fragment %d: %v", len(fragments), v)
		}
	}
}

// checkCut checks that a Splitter cuts a packet into the same fragments as the
// kernel has.
func checkCut(t testing.TB, packet []byte, mtu int, kernel [][]byte) {
	t.Helper()
	id := uint32(0)
	if len(kernel) > 1 && packet[0]>>4 == 4 && wire.IPv4(packet).ID() == 0 {
		return // which Linux sends now and then, and a Splitter never
	}
	if len(kernel) > 1 && packet[0]>>4 == 6 {
		var chain wire.Chain
		if bad := wire.WalkIPv6(kernel[0], &chain); bad != wire.NotMalformed {
			t.Fatal(bad)
		}
		id = wire.IPv6Fragment(kernel[0][chain.Fragment:]).ID()
	}
	ours, err := cutUp(t, new(frag.Splitter), packet, mtu, id, frag.SplitConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if len(ours) != len(kernel) {
		t.Fatalf("%d fragments, the kernel has %d", len(ours), len(kernel))
	}
	for i, b := range ours {
		if !bytes.Equal(b, kernel[i]) {
			t.Fatalf("fragment %d of %d:\ngot    % x\nkernel % x", i, len(ours), b[:min(len(b), 80)], kernel[i][:min(len(kernel[i]), 80)])
		}
	}
}

// commit sends a packet, and waits for room if there is none.
func commit(t testing.TB, q transport.Queue, packet []byte) {
	t.Helper()
	var b transport.Batch
	if err := q.Reserve(&b, 1); err != nil {
		t.Fatal(err)
	}
	b.Slots[0].Data = append(b.Slots[0].Data, packet...)
	b.Slots[0].Frag = transport.FragAllow
	for end := time.Now().Add(patience); ; {
		_, err := q.Commit(&b, 1)
		if err == nil {
			return
		}
		if !errors.Is(err, transport.ErrNoSlots) || time.Now().After(end) {
			t.Fatalf("%d bytes: %v", len(packet), err)
		}
		if err := q.Wait(time.Now().Add(patience / 100)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAReassemblerTakesWhatTheKernelCuts has the kernel's own fragmenter cut
// packets, for several MTUs, and reassembles what is seen on the wire; and
// compares that with what a Splitter makes.
func TestAReassemblerTakesWhatTheKernelCuts(t *testing.T) {
	for _, c := range []struct{ family, mtu int }{{4, 1500}, {4, 1006}, {4, 576}, {6, 1500}, {6, 1496}, {6, 1280}} {
		t.Run(fmt.Sprintf("IPv%d/MTU %d", c.family, c.mtu), func(t *testing.T) {
			k := newKernel(t, c.family, c.mtu)
			r := rand.New(rand.NewPCG(newSeed(t), uint64(c.mtu)))
			tx, err := rawip.Open(&rawip.Config{V4: c.family == 4, V6: c.family == 6, Header: rawip.Kernel,
				NetNS: k.a.NetNS(), SndBuf: 4 << 20})
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Close()
			seen := newTap(k)
			g := newRig(t, nil)
			packets, fragments := 0, 0
			for _, n := range roundTripSizes(r, 60) {
				var options []byte
				if c.family == 4 {
					options = keptOptions[r.IntN(len(keptOptions))]
					n = min(n, wire.IPv4MaxLen-wire.IPv4HeaderLen-len(options))
				}
				p := k.packet(n, options, nil)
				commit(t, tx.Queues()[0], p)
				got, cut := seen.whole(g)
				packets, fragments = packets+1, fragments+len(cut)
				if c.family == 4 { // the kernel's identification
					copy(p[4:6], got[4:6])
					wire.IPv4(p).FillChecksum()
				}
				if !bytes.Equal(got, p) {
					t.Fatalf("%d bytes in %d fragments:\ngot  % x\nwant % x", n, len(cut), got[:min(len(got), 80)], p[:min(len(p), 80)])
				}
				if c.family == 4 || c.mtu%8 == 0 { // else Linux makes the last IPv6 fragment shorter
					checkCut(t, p, c.mtu, cut)
				}
			}
			t.Logf("%d packets in %d fragments", packets, fragments)
			g.checkBooks()
		})
	}
}

// TestAReassemblerTakesExtensionHeadersOfTheKernel: hop-by-hop options, and
// destination options, which Linux puts in front of the fragment header as well
// (ip6_find_1stfragopt in net/ipv6/output_core.c). RFC 8200 section 4.5 has them
// behind it, where a Splitter leaves them.
func TestAReassemblerTakesExtensionHeadersOfTheKernel(t *testing.T) {
	k := newKernel(t, 6, 1500)
	fd := -1
	err := k.a.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 253)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	destination := wire.Ext{Type: wire.ExtDestination, Data: append([]byte{0x1e, 12}, make([]byte, 12)...)}
	for _, o := range []struct{ name, value int }{
		{unix.IPV6_UNICAST_HOPS, 64}, {unix.IPV6_TCLASS, 0x28}, {unix.IPV6_AUTOFLOWLABEL, 0},
		{unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DONT}, {unix.SO_SNDBUF, 4 << 20},
	} {
		level := unix.IPPROTO_IPV6
		if o.name == unix.SO_SNDBUF {
			level = unix.SOL_SOCKET
		}
		if err := unix.SetsockoptInt(fd, level, o.name, o.value); err != nil {
			t.Fatalf("option %d: %v", o.name, err)
		}
	}
	for name, e := range map[int]wire.Ext{unix.IPV6_HOPOPTS: hopByHop, unix.IPV6_DSTOPTS: destination} {
		b := append([]byte{0, byte((2+len(e.Data))/8 - 1)}, e.Data...)
		if err := unix.SetsockoptString(fd, unix.IPPROTO_IPV6, name, string(b)); err != nil {
			t.Fatalf("option %d: %v", name, err)
		}
	}
	seen := newTap(k)
	g := newRig(t, nil)
	r := rand.New(rand.NewPCG(newSeed(t), 6))
	// ip6_append_data of net/ipv6/ip6_output.c counts destination options twice.
	most := 0xffff - extLen([]wire.Ext{hopByHop, destination, destination})
	for _, n := range roundTripSizes(r, 20) {
		n = min(n, most)
		p := k.packet(n, nil, []wire.Ext{hopByHop, destination})
		p[1], p[2], p[3] = p[1]&0xf0, 0, 0 // no flow label
		if err := unix.Sendto(fd, p[len(p)-n:], 0, &unix.SockaddrInet6{Addr: k.b.Addr6().As16()}); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if got, cut := seen.whole(g); !bytes.Equal(got, p) {
			t.Fatalf("%d bytes in %d fragments:\ngot  % x\nwant % x", n, len(cut), got[:min(len(got), 80)], p[:min(len(p), 80)])
		}
	}
	g.checkBooks()
}
