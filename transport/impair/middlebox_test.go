// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"bytes"
	"slices"
	"testing"
)

// through sends a packet through a pipeline and returns what comes out, nil if
// nothing does. The packet must stay as it is.
func through(t *testing.T, text string, b []byte) []byte {
	t.Helper()
	l := newLab(t, nil, text, "")
	was := slices.Clone(b)
	l.send(0, 0, b)
	l.pass(0)
	l.balance()
	if !bytes.Equal(b, was) {
		t.Errorf("%s: the packet of the sender was changed", text)
	}
	if len(l.out[0]) == 0 {
		return nil
	}
	return l.out[0][0].data
}

// with returns a changed copy of a packet; the checksum of an IPv4 header is
// made right again.
func with(b []byte, change func(b []byte)) []byte {
	c := slices.Clone(b)
	change(c)
	if c[0]>>4 == 4 {
		h := c[:int(c[0]&15)*4]
		h[10], h[11] = 0, 0
		setChecksum(h)
	}
	return c
}

func setChecksum(h []byte) {
	sum := uint32(0)
	for i := 0; i < len(h); i += 2 {
		sum += uint32(h[i])<<8 | uint32(h[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	h[10], h[11] = byte(^sum>>8), byte(^sum)
}

func TestMiddleboxes(t *testing.T) {
	p4 := packet4("10.0.0.1", "10.0.0.2", 253, []byte("payload."))
	p6 := packet6("2001:db8::1", "2001:db8::2", 253, []byte("payload."))
	ce4 := with(p4, func(b []byte) { b[1] = 0xbb })
	ce6 := with(p6, func(b []byte) { b[0], b[1] = 0x6b, 0xb7 }) // class 0xbb
	df := with(p4, func(b []byte) { b[6] = 0x40 })
	first := with(p4, func(b []byte) { b[6] = 0x20 })
	last := with(p4, func(b []byte) { b[7] = 1 })
	frag6 := packet6("2001:db8::1", "2001:db8::2", 44, []byte{253, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8})
	atomic6 := packet6("2001:db8::1", "2001:db8::2", 44, []byte{253, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8})
	options6 := packet6("2001:db8::1", "2001:db8::2", 60, []byte{253, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3, 4})
	for _, c := range []struct {
		text     string
		in, want []byte
	}{
		{"allow 1,6,17", p4, nil},
		{"allow 1,6,17", p6, nil},
		{"allow 1,253", p4, p4},
		{"allow 1,253", p6, p6},
		{"allow 253", options6, options6},
		{"allow 60", options6, nil},
		{"allow 253", []byte{0x45}, nil},
		{"dropfragments", p4, p4},
		{"dropfragments", df, df},
		{"dropfragments", first, nil},
		{"dropfragments", last, nil},
		{"dropfragments", frag6, nil},
		{"dropfragments", atomic6, atomic6},
		{"bleach ecn", ce4, with(p4, func(b []byte) { b[1] = 0xb8 })},
		{"bleach dscp", ce4, with(p4, func(b []byte) { b[1] = 0x03 })},
		{"bleach tos", ce4, p4},
		{"bleach ecn", p4, p4},
		{"bleach ecn", ce6, with(p6, func(b []byte) { b[0], b[1] = 0x6b, 0x87 })},
		{"bleach dscp", ce6, with(p6, func(b []byte) { b[0], b[1] = 0x60, 0x37 })},
		{"bleach tos", ce6, with(p6, func(b []byte) { b[0], b[1] = 0x60, 0x07 })},
		{"cleardf", df, p4},
		{"cleardf", p4, p4},
		{"cleardf", p6, p6},
		{"ttl hops 3", p4, with(p4, func(b []byte) { b[8] = 61 })},
		{"ttl hops 3", p6, with(p6, func(b []byte) { b[7] = 61 })},
		{"ttl hops 64", p4, nil},
		{"ttl hops 63", p6, with(p6, func(b []byte) { b[7] = 1 })},
		{"ttl set 255", p4, with(p4, func(b []byte) { b[8] = 255 })},
		{"ttl set 1", p6, with(p6, func(b []byte) { b[7] = 1 })},
		{"mtu 68", packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, 48)), packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, 48))},
		{"mtu 68", packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, 49)), nil},
	} {
		if got := through(t, c.text, c.in); !bytes.Equal(got, c.want) {
			t.Errorf("%s: % x became % x, want % x", c.text, c.in, got, c.want)
		}
	}
}

func TestAWrongHeaderChecksumStaysWrong(t *testing.T) {
	bad := packet4("10.0.0.1", "10.0.0.2", 253, nil)
	bad[10] ^= 0x11
	bad[1] = 3
	for _, text := range []string{"bleach ecn", "ttl hops 1", "ttl set 9"} {
		if got := through(t, text, bad); valid(got) {
			t.Errorf("%s made the checksum right", text)
		}
	}
}

// FuzzPipeline sends any bytes through every stage that reads packets.
func FuzzPipeline(f *testing.F) {
	f.Add(packet4("10.0.0.1", "10.0.0.2", 17, make([]byte, 8)))
	f.Add(packet6("2001:db8::1", "2001:db8::2", 58, []byte{1, 0, 0, 0, 0, 0, 0, 0, 0x60, 0}))
	f.Add([]byte{0x4f})
	f.Add([]byte{})
	f.Add(packet4("10.0.0.1", "10.0.0.2", 1, append([]byte{3, 0, 0, 0, 0, 0, 0, 0}, packet4("10.0.0.2", "10.0.0.1", 6, []byte{0, 1, 0, 2})...)))
	texts := []string{
		"corrupt 100% bits 15 anywhere", "corrupt 100% header", "bleach tos cleardf ttl hops 1 mtu 100",
		"dropfragments allow 1,6,17,58", "drop if proto 1 drop if larger 50 drop if v4", "rate 1mbit codel ecn",
		"nat 192.0.2.1", "masquerade 192.0.2.1", "masquerade 2001:db8:1::1",
		"duplicate 100% reorder 50% distance 1 delay 1ms trace 1ms,2ms",
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, text := range texts {
			back := ""
			if text[0] == 'n' || text[:2] == "ma" {
				back = "denat"
			}
			l := newLab(t, nil, text, back)
			was := slices.Clone(b)
			for i := range 2 {
				for range 2 {
					l.send(i, 0, b)
				}
				l.pass(1e12)
			}
			l.balance()
			if !bytes.Equal(b, was) {
				t.Errorf("%s: the packet of the sender was changed", text)
			}
		}
	})
}
