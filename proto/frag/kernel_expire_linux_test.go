// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
	"protean/proto/wire"
	"protean/transport/rawip"
)

// TestTheKernelGivesUpTheSame lowers the kernel's time for reassembly to a
// second and compares the ICMP time exceeded messages that it sends, and what
// they quote, with what a Reassembler hands to OnExpire: they are for the same
// datagrams, those whose first fragment is held.
func TestTheKernelGivesUpTheSame(t *testing.T) {
	scripts := []string{
		"0+16MA",                      // the first alone
		"0+1400MA 2800+8C",            // first and last; the quote is cut off
		"8+8MA",                       // not the first
		"16+16MB 0+16MA",              // the first last
		"0+24MA 16+16MB",              // overlap: dropped at once
		"0+24MA 16+16MB 0+16MC",       // … and begun anew
		"0+16MA 16+8B 0+16MA",         // repeated when it was complete
		"0+16MA 0+16MX",               // a duplicate is not quoted
		"32+8L 40+8MX 0+32MA",         // an end that conflicts, and begun anew
		"0+16MA 16+8B 16+8C 64+8D",    // leftovers without a first
		"0+8MA 8+8MB 16+8MC 24+8MD",   // all but the last
		"800+1400MB 0+800MA 3000+80C", // a hole in the middle
	}
	for _, family := range []int{4, 6} {
		t.Run(fmt.Sprintf("IPv%d", family), func(t *testing.T) {
			k := newKernel(t, family, 65535)
			exceeded, protocol := uint8(wire.ICMPv4TimeExceeded), uint8(wire.ProtoICMP)
			settings := [][2]string{{"net.ipv4.ipfrag_time", "1"}, {"net.ipv4.icmp_ratelimit", "0"}}
			most := 576 - 20 - wire.ICMPHeaderLen // what is quoted: RFC 1812 section 4.3.2.3
			if family == 6 {
				exceeded, protocol = wire.ICMPv6TimeExceeded, wire.ProtoICMPv6
				settings = [][2]string{{"net.ipv6.ip6frag_time", "1"}, {"net.ipv6.icmp.ratelimit", "0"}}
				most = 1280 - 40 - wire.ICMPHeaderLen // RFC 4443 section 2.4
			}
			settings = append(settings, [2]string{"net.ipv4.icmp_msgs_per_sec", "10000"})
			for _, s := range settings {
				if err := k.b.Sysctl(s[0], s[1]); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("%s: %v", s[0], err)
				}
			}
			back, err := rawip.Open(&rawip.Config{V4: family == 4, V6: family == 6, NetNS: k.a.NetNS()})
			if err != nil {
				t.Fatal(err)
			}
			defer back.Close()
			if err := back.Bind(int(protocol)); err != nil {
				t.Fatal(err)
			}

			want := map[string]int{}
			g := newRig(t, &frag.Config{
				Policy: frag.Linux, Timeout4: time.Second, Timeout6: time.Second,
				OnExpire: func(x *frag.Expired) {
					if x.First != nil {
						want[string(x.First[:min(len(x.First), most)])]++
					}
				}})
			for i, s := range scripts {
				f := k.sender(uint32(i+1), 0).Flow
				f.TTL = 64
				for _, p := range script.MustParse(s) {
					b := f.Append(nil, p)
					k.send(b)
					g.feed(b, frag.Meta{})
				}
			}
			g.now += second
			g.r.Expire(g.now)
			total := 0
			for _, n := range want {
				total += n
			}
			if total != 9 {
				t.Fatalf("a Reassembler gives up %d datagrams with their first fragment", total)
			}

			got := 0
			var in inbox
			// When all have come, some time for one too many.
			for end := time.Now().Add(patience); time.Now().Before(end); {
				if err := back.Queues()[0].Wait(end); err != nil {
					t.Fatal(err)
				}
				if _, err := back.Queues()[0].Recv(&in, 64); err != nil {
					t.Fatal(err)
				}
				for _, p := range in.packets {
					m := p.Payload()
					if len(m) < wire.ICMPHeaderLen || m[0] != exceeded {
						continue // neighbour discovery
					}
					quote := m[wire.ICMPHeaderLen:]
					if m[1] != wire.ICMPv4ReassemblyExceeded || want[string(quote)] == 0 {
						t.Errorf("type %d code %d about % x, which is not expected", m[0], m[1], quote[:min(len(quote), 64)])
						continue
					}
					want[string(bytes.Clone(quote))]--
					if got++; got == total {
						end = time.Now().Add(300 * time.Millisecond)
					}
				}
				in.packets = nil
			}
			for quote, n := range want {
				if n != 0 {
					t.Errorf("%d messages fewer than expected about % x", n, quote[:min(len(quote), 64)])
				}
			}
			k.checkEmpty()
			g.checkBooks()
		})
	}
}
