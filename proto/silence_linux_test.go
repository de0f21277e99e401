// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/netlab"
)

// part builds a fragment of a datagram with 24 bytes of payload: its first
// 16, or its last 8.
func part(protocol uint8, id uint32, src, dst netip.Addr, last bool) []byte {
	off, payload := uint16(0), 16
	if last {
		off, payload = 16, 8
	}
	if dst.Is4() {
		b := make([]byte, 20+payload)
		b[0], b[3], b[8], b[9] = 0x45, byte(len(b)), 64, protocol
		binary.BigEndian.PutUint16(b[4:], uint16(id))
		binary.BigEndian.PutUint16(b[6:], off/8)
		if !last {
			b[6] |= 0x20 // more fragments
		}
		copy(b[12:], src.AsSlice())
		copy(b[16:], dst.AsSlice())
		binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:20]))
		return b
	}
	b := make([]byte, 40+8+payload)
	b[0], b[5], b[6], b[7] = 0x60, byte(8+payload), wire.ExtFragment, 64
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	b[40] = protocol
	if !last {
		off |= 1 // more fragments
	}
	binary.BigEndian.PutUint16(b[42:], off)
	binary.BigEndian.PutUint32(b[44:], id)
	return b
}

// expiries counts the errors about fragments that were never a datagram, by the
// protocol and the destination of what they quote.
type expiries map[string]int

func (e expiries) Event(*transport.Event) {}

func (e expiries) Deliver(p *transport.Packet) {
	m := p.Payload()
	switch {
	case p.Protocol() == wire.ProtoICMP && len(m) >= 28 && m[0] == wire.ICMPv4TimeExceeded && m[1] == 1:
		e[about(m[17], netip.AddrFrom4([4]byte(m[24:28])))]++
	case p.Protocol() == wire.ProtoICMPv6 && len(m) >= 56 && m[0] == wire.ICMPv6TimeExceeded && m[1] == 1:
		e[about(m[48], netip.AddrFrom16([16]byte(m[32:48])))]++
	}
}

func about(protocol uint8, dst netip.Addr) string { return fmt.Sprintf("%d to %v", protocol, dst) }

// TestWhatKeepsTheKernelSilentAboutFragments has the first fragments of
// datagrams come to a host, and nothing behind them. Its kernel says that their
// time is exceeded, unless rules hide the fragments from it, its own or those of
// HideFragments, or their destination is not its own. The host has them all the same.
func TestWhatKeepsTheKernelSilentAboutFragments(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	if _, err := exec.LookPath("nft"); err != nil {
		if os.Getenv("PROTEAN_REQUIRE_NETLAB") != "" {
			t.Fatal(err)
		}
		t.Skip("nft, which hides fragments from the kernel, is not installed")
	}
	a, b := lab.Node("a"), lab.Node("b")
	for _, name := range []string{"net.ipv4.ipfrag_time", "net.ipv6.ip6frag_time"} {
		if err := b.Sysctl(name, "1"); err != nil {
			t.Fatal(err)
		}
	}
	for _, rule := range []string{
		"add table inet t",
		"add chain inet t early { type filter hook prerouting priority -450; }",
		"add rule inet t early ip protocol 254 ip frag-off & 0x3fff != 0 drop",
		"add rule inet t early frag nexthdr 254 drop",
	} {
		if out, err := b.Run(context.Background(), "nft", rule); err != nil {
			t.Fatalf("nft %s: %v: %s", rule, err, out)
		}
	}
	claimed := []netip.Addr{netip.MustParseAddr("10.77.1.50"), netip.MustParseAddr("fd77:1::50")}
	tb := packetSocket(t, b, afpacket.Config{})
	hiding := packetSocket(t, b, afpacket.Config{HideFragments: true}) // read by nobody
	defer hiding.Close()
	if err := hiding.Bind(252); err != nil {
		t.Fatal(err)
	}
	h := runOver(t, tb)
	for _, addr := range claimed {
		if err := tb.Claim(b.Interfaces()[0].Index, addr, nil); err != nil {
			t.Fatal(err)
		}
	}
	whole := make(chan string, 100)
	for _, protocol := range []uint8{252, 253, 254} {
		handle(t, h, protocol, proto.HandlerFunc(func(_ *proto.Env, p *proto.Packet) error {
			whole <- fmt.Sprintf("%s, %d bytes", about(protocol, p.Dst()), len(p.Payload()))
			return nil
		}))
	}
	ta := packetSocket(t, a, afpacket.Config{})
	defer ta.Close()
	for _, protocol := range []int{wire.ProtoICMP, wire.ProtoICMPv6} {
		if err := ta.Bind(protocol); err != nil {
			t.Fatal(err)
		}
	}

	wantWhole, want := map[string]int{}, expiries{}
	id := uint32(0)
	for i, src := range []netip.Addr{a.Addr4(), a.Addr6()} {
		own := []netip.Addr{b.Addr4(), b.Addr6()}[i]
		for _, to := range []struct {
			protocol uint8
			dst      netip.Addr
			told     bool
		}{{254, own, false}, {252, own, false}, {253, claimed[i], false}, {253, own, true}} {
			id += 2
			commit(t, ta,
				part(to.protocol, id, src, to.dst, false), // and no more
				part(to.protocol, id+1, src, to.dst, false),
				part(to.protocol, id+1, src, to.dst, true))
			wantWhole[about(to.protocol, to.dst)+", 24 bytes"] = 1
			if to.told {
				want[about(to.protocol, to.dst)] = 1
			}
		}
	}
	gotWhole := map[string]int{}
	for range wantWhole {
		gotWhole[within(t, whole, "a datagram was not reassembled")]++
	}
	if !maps.Equal(gotWhole, wantWhole) {
		t.Errorf("the host has %v, want %v", gotWhole, wantWhole)
	}

	// What is said comes after a second; what should not be said would have come before.
	got, q := expiries{}, ta.Queues()[0]
	end := time.Now().Add(10 * time.Second)
	for told := false; time.Now().Before(end); {
		if _, err := q.Recv(got, 64); err != nil {
			t.Fatal(err)
		}
		if !told && len(got) >= len(want) {
			told, end = true, time.Now().Add(300*time.Millisecond)
		}
		if err := q.Wait(time.Now().Add(10 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the kernel says that time is exceeded about %v, want %v", got, want)
	}
}

// commit sends packets through the first queue of a transport.
func commit(t *testing.T, tr transport.Transport, packets ...[]byte) {
	t.Helper()
	q := tr.Queues()[0]
	var batch transport.Batch
	if err := q.Reserve(&batch, len(packets)); err != nil {
		t.Fatal(err)
	}
	for i, p := range packets {
		batch.Slots[i].Data = append(batch.Slots[i].Data, p...)
	}
	if n, err := q.Commit(&batch, len(packets)); n != len(packets) || err != nil {
		t.Fatalf("Commit: %d of %d, %v", n, len(packets), err)
	}
}
