// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"testing"
	"time"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

var floodTime = flag.Int("flood", 100, "milliseconds of a flood that the kernel is put under, 500 forged fragments each")

// fromNobody gives the packet a source of a network for benchmarks (RFC 2544,
// RFC 5180), which does not exist here, and another identification.
func fromNobody(b []byte, x *uint64) {
	forge(b, x)
	if b[0]>>4 == 4 {
		b[12], b[13] = 198, 18|b[13]&1
		binary.BigEndian.PutUint16(b[10:], 0)
		binary.BigEndian.PutUint16(b[10:], headerSum(b[:20]))
		return
	}
	copy(b[8:], []byte{0x20, 0x01, 0, 2, 0, 0})
}

// headerSum is the checksum of an IPv4 header whose own is 0.
func headerSum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// TestTheKernelUnderAFlood shows what the kernel, at its default limits, makes
// of the flood of TestHonestDatagramsSurviveFloods, beside a Reassembler that is
// given the same fragments: every millisecond the second fragment of an honest
// datagram, the first of the next, and 500 forged ones. The kernel refuses what
// is new while its memory is full, for thirty or sixty seconds, and so does not
// depend on the rate.
func TestTheKernelUnderAFlood(t *testing.T) {
	const warm = 20 // milliseconds until the memory of either can be full
	for _, family := range []int{4, 6} {
		t.Run(fmt.Sprintf("IPv%d", family), func(t *testing.T) {
			k := newKernel(t, family, 65535)
			limit := map[int]string{4: "net.ipv4.ipfrag_high_thresh", 6: "net.ipv6.ip6frag_high_thresh"}[family]
			if err := k.b.Sysctl(limit, "4194304"); err != nil { // the default: 4 MiB
				t.Fatal(err)
			}
			honest := k.sender(0, 0).Flow
			honest.TTL = 64
			forged := honest.Append(nil, script.Piece{Off: 8, Len: 40, More: true})
			x := newSeed(t)
			g := newRig(t, nil)
			kernel, ours, sent := 0, 0, 0
			start, fragments := time.Now(), 0
			play := func(b []byte) (complete bool) {
				k.send(b)
				fragments++
				v, _, _ := g.feed(b, frag.Meta{})
				return v == frag.Complete
			}
			play(honest.Append(nil, script.Piece{Len: 1480, More: true, Fill: 'A'}))
			if !play(honest.Append(nil, script.Piece{Off: 1480, Len: 500, Fill: 'B'})) || len(k.sync()) != 1 {
				t.Fatal("before the flood not even one datagram is completed")
			}
			for ms := range warm + *floodTime {
				g.now = int64(ms) * 1e6
				honest.ID = uint32(ms)
				if ms > warm {
					sent++
					if play(honest.Append(nil, script.Piece{Off: 1480, Len: 500, Fill: 'B'})) {
						ours++
					}
				}
				honest.ID++
				play(honest.Append(nil, script.Piece{Len: 1480, More: true, Fill: 'A'}))
				for i := range 500 {
					fromNobody(forged, &x)
					if play(forged) {
						t.Fatal("the attacker completed a datagram")
					}
					if i%250 == 0 {
						kernel += len(k.sync())
					}
				}
				g.r.Expire(g.now)
			}
			kernel += len(k.sync())
			t.Logf("of %d honest datagrams the kernel completed %d (%.1f %%), a Reassembler %d (%.1f %%); %d fragments, %.0f per second",
				sent, kernel, 100*float64(kernel)/float64(sent), ours, 100*float64(ours)/float64(sent),
				fragments, float64(fragments)/time.Since(start).Seconds())
			if float64(ours) < 0.99*float64(sent) {
				t.Errorf("a Reassembler completed %d of %d", ours, sent)
			}
			if kernel >= ours {
				t.Errorf("the kernel completed %d of %d: it has changed, and the documents have to", kernel, sent)
			}
			g.checkBooks()
		})
	}
}
