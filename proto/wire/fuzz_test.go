// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"protean/proto/wire"
)

// The fuzz targets call every accessor behind a gate: none may panic, and what
// they say must fit together.

func FuzzIPv4(f *testing.F) {
	f.Add(unhex(f, goldenIPv4))                                                          // every field set
	f.Add(unhex(f, "4f 00 00 3c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"))       // header length 60 in 20 bytes
	f.Add(unhex(f, "45 00 ff ff 00 00 3f ff 00 00 7a fe 00 00 00 00 00 00 00 00"))       // total length 65535
	f.Add(unhex(f, "46 00 00 18 00 00 00 00 00 00 a2 e3 00 00 00 00 00000000 07040400")) // record route without room
	f.Fuzz(func(t *testing.T, b []byte) {
		if ip, bad := wire.ParseIPv4(b); bad == wire.NotMalformed {
			if ip.Version() != 4 || ip.TotalLen() != len(ip) || len(ip) > len(b) {
				t.Fatalf("the gate let %x through", b)
			}
			useIPv4(t, ip)
			sum := ip.Checksum()
			ip.FillChecksum()
			if got := ip.Checksum(); got != sum && (got != 0 || sum != 0xffff) {
				t.Fatalf("checksum %#04x verifies, but %#04x is computed", sum, got)
			}
		}
		if ip, bad := wire.ParseIPv4Quoted(b); bad == wire.NotMalformed {
			useIPv4(t, ip)
		}
	})
}

func useIPv4(t *testing.T, ip wire.IPv4) {
	if len(ip.Header())+len(ip.Payload()) != len(ip) || len(ip.Options())+20 != ip.HeaderLen() {
		t.Fatalf("the parts do not add up: %x", ip)
	}
	_, _, _, _, _ = ip.TOS(), ip.DSCP(), ip.ECN(), ip.ID(), ip.Protocol()
	_, _, _, _ = ip.DontFragment(), ip.TTL(), ip.Src(), ip.Dst()
	if ip.IsFragment() != (ip.MoreFragments() || ip.FragmentOffset() != 0) {
		t.Fatalf("IsFragment is wrong: %x", ip)
	}
	useIPv4Options(t, ip.Options())
}

func useIPv4Options(t *testing.T, b []byte) {
	it := wire.NewIPv4OptionIterator(b)
	last := 0
	for it.Next() {
		o := it.Option()
		if o.Offset != last || it.Offset() != last+o.Len() || it.Offset() > len(b) {
			t.Fatalf("option at %d of length %d after %d of %d bytes", o.Offset, o.Len(), last, len(b))
		}
		last = it.Offset()
		_, _, _ = o.Copied(), o.Class(), o.Number()
		for i := range o.Recorded() {
			if _, ok := o.Route(i); !ok {
				t.Fatalf("recorded entry %d of %x is missing", i, o.Data)
			}
		}
		for i := -1; i < 70; i++ {
			o.Route(i)
			o.Timestamp(i)
		}
	}
	if it.Err() == wire.NotMalformed && it.Offset() < len(b) && b[it.Offset()] != wire.IPv4OptEnd {
		t.Fatalf("stopped at %d of %x", it.Offset(), b)
	}
}

func FuzzIPv4Options(f *testing.F) {
	f.Add([]byte{})                                                 // none
	f.Add([]byte{1, 1, 0x94, 4, 0, 0, 0, 0})                        // NOP, router alert, end
	f.Add([]byte{7, 0})                                             // length 0: would loop
	f.Add([]byte{7, 39, 255})                                       // past the end, with a pointer past the end
	f.Add(wire.AppendIPv4Timestamp(nil, wire.IPv4TimestampAddr, 4)) // full timestamp option
	f.Add([]byte{68, 4, 255, 0xff, 131, 3, 0, 137, 2})              // pointers out of range, no pointer
	f.Fuzz(func(t *testing.T, b []byte) { useIPv4Options(t, b) })
}

func FuzzIPv6Chain(f *testing.F) {
	f.Add(uint8(17), []byte{1, 2, 3, 4})                                       // no extension headers
	f.Add(uint8(0), unhex(f, "2c 00 05 02 00 00 01 00 11 00 00 01 00000001"))  // hop-by-hop, first fragment
	f.Add(uint8(44), unhex(f, "3c 00 00 00 00 00 00 01 3b 00 01 04 00000000")) // atomic fragment, destination options, nothing
	f.Add(uint8(51), unhex(f, "11 00 00 00 00 00 00 01"))                      // AH that is too short
	f.Add(uint8(60), unhex(f, "00 00 01 04 00 00 00 00 11 00 01 04 00000000")) // hop-by-hop in second place
	f.Add(uint8(60), bytes.Repeat([]byte{60, 0, 1, 4, 0, 0, 0, 0}, 20))        // a chain that is too long
	f.Add(uint8(135), unhex(f, "3b 00 05 00 00 00 00 00"))                     // a mobility message
	f.Add(uint8(0), unhex(f, "3a 00 c9 ff 00 00 00 00"))                       // an option past the end
	f.Fuzz(func(t *testing.T, first uint8, payload []byte) {
		payload = payload[:min(len(payload), 65535)]
		b := make([]byte, 40, 40+len(payload))
		b[0] = 6 << 4
		binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
		b[6] = first
		b = append(b, payload...)
		if ip, bad := wire.ParseIPv6(b); bad == wire.NotMalformed && len(ip) != len(b) {
			t.Fatalf("a view of %d of %d bytes", len(ip), len(b))
		}

		var c wire.Chain
		bad := wire.WalkIPv6(b, &c)
		if c.HeaderLen < 40 || c.HeaderLen > len(b) || c.Fragment > c.HeaderLen-8 || c.FragOffset&7 != 0 {
			t.Fatalf("%+v, %v", c, bad)
		}
		if c.Fragment == 0 && (c.More || c.FragOffset != 0) || c.Fragment != 0 && !c.More && c.FragOffset == 0 {
			t.Fatalf("neither whole nor a fragment: %+v", c)
		}

		// The iterator sees what the walk went over.
		it := wire.NewExtIterator(first, payload)
		end := 0
		var exts []wire.Ext
		for it.Next() {
			h := it.Header()
			if h.Offset != end || len(h.Bytes) < 8 || it.Offset() != end+len(h.Bytes) {
				t.Fatalf("header at %d of %d bytes after %d", h.Offset, len(h.Bytes), end)
			}
			end = it.Offset()
			exts = append(exts, h.Ext())
			useIPv6Options(t, h.Options())
		}
		message := c.Protocol >= wire.ExtMobility && bad == wire.NotMalformed && wire.IsExtension(c.Protocol) && c.Fragment == 0
		switch {
		case message: // the iterator yields it as a header
			if end <= c.HeaderLen-40 {
				t.Fatalf("message at %d, iterator ends at %d", c.HeaderLen, end+40)
			}
		case bad == wire.Jumbogram:
			if it.Err() != wire.BadExtension {
				t.Fatalf("a jumbogram is %v to the iterator", it.Err())
			}
		default:
			if it.Err() != bad || it.Protocol() != c.Protocol || end != c.HeaderLen-40 {
				t.Fatalf("walk %+v %v, iterator %d %v at %d", c, bad, it.Protocol(), it.Err(), end)
			}
		}

		// What was read can be written: the same bytes but for AH, whose length
		// need not be one that can be sent, and reserved length bytes.
		out := make([]byte, wire.ExtLen(exts))
		typ, n, err := wire.MarshalExt(out, exts, it.Protocol())
		if err != nil {
			for _, e := range exts {
				if e.Type == wire.ExtAH {
					return
				}
			}
			t.Fatalf("chain %x: %v", payload[:end], err)
		}
		again := wire.NewExtIterator(typ, out)
		for _, e := range exts {
			if !again.Next() || again.Header().Type != e.Type || !bytes.Equal(again.Header().Bytes[2:], e.Data) {
				t.Fatalf("chain %x written as %x", payload[:end], out)
			}
		}
		if n != end || again.Protocol() != it.Protocol() {
			t.Fatalf("%d bytes written, want %d", n, end)
		}
	})
}

func useIPv6Options(t *testing.T, it wire.IPv6OptionIterator) {
	last := 0
	for it.Next() {
		o := it.Option()
		if it.Offset() <= last {
			t.Fatalf("no progress at %d", last)
		}
		last = it.Offset()
		_, _ = o.Action(), o.Mutable()
	}
}

func FuzzIPv6Options(f *testing.F) {
	f.Add([]byte{})                 // none
	f.Add([]byte{0, 0, 0, 1, 1, 0}) // Pad1 and PadN
	f.Add([]byte{5, 2, 0, 0, 1, 0}) // router alert
	f.Add([]byte{0xc9, 255, 0})     // past the end
	f.Add([]byte{1})                // no length
	f.Fuzz(func(t *testing.T, b []byte) { useIPv6Options(t, wire.NewIPv6OptionIterator(b)) })
}

func FuzzIPv6(f *testing.F) {
	f.Add(unhex(f, goldenIPv6))                      // every field set
	f.Add(unhex(f, goldenIPv6)[:42])                 // truncated
	f.Add(append([]byte{0x60}, make([]byte, 39)...)) // a jumbogram
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte) (wire.IPv6, wire.Malformed){wire.ParseIPv6, wire.ParseIPv6Quoted} {
			ip, bad := parse(b)
			if bad != wire.NotMalformed {
				continue
			}
			if ip.Version() != 6 || len(ip) > len(b) || len(ip.Payload()) > ip.PayloadLen() {
				t.Fatalf("the gate let %x through", b)
			}
			_, _, _, _ = ip.TrafficClass(), ip.DSCP(), ip.ECN(), ip.FlowLabel()
			_, _, _, _ = ip.NextHeader(), ip.HopLimit(), ip.Src(), ip.Dst()
			for it := ip.Extensions(); it.Next(); {
				useIPv6Options(t, it.Header().Options())
			}
		}
	})
}

func FuzzICMP(f *testing.F) {
	f.Add([]byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0})                           // an echo request
	f.Add(append([]byte{11, 0, 0, 0, 0, 32, 0, 0}, make([]byte, 132)...)) // time exceeded with room for extensions
	f.Add([]byte{3, 4, 0, 0, 0, 255, 5, 120, 0x45})                       // a length field that lies
	f.Add(append([]byte{137, 0, 0, 0}, make([]byte, 36)...))              // an ICMPv6 redirect
	f.Add(append([]byte{13, 0, 0, 0}, make([]byte, 16)...))               // a timestamp
	src := netip.MustParseAddr("::1")
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, bad := wire.ParseICMPv4Quoted(b); bad == wire.NotMalformed {
			_, _, _, _, _ = m.Type(), m.Code(), m.Checksum(), m.ID(), m.Seq()
			_, _ = m.MTU(), m.Pointer()
			m.Gateway()
			m.Timestamps()
			if n := len(m.Quoted()); n > 0 && n+len(m.Extensions()) != len(m.Body()) {
				t.Fatalf("quote and extensions do not add up: %x", b)
			}
			wire.ParseIPv4Quoted(m.Quoted())
			m.FillChecksum()
			if _, bad := wire.ParseICMPv4(m); bad != wire.NotMalformed {
				t.Fatalf("own checksum: %v", bad)
			}
		}
		if m, bad := wire.ParseICMPv6Quoted(b); bad == wire.NotMalformed {
			_, _, _, _, _ = m.Type(), m.Code(), m.Checksum(), m.ID(), m.Seq()
			_, _ = m.MTU(), m.Pointer()
			m.Redirect()
			if n := len(m.Quoted()); n > 0 && n+len(m.Extensions()) != len(m.Body()) {
				t.Fatalf("quote and extensions do not add up: %x", b)
			}
			wire.ParseIPv6Quoted(m.Quoted())
			m.FillChecksum(src, src)
			if _, bad := wire.ParseICMPv6(m, src, src); bad != wire.NotMalformed {
				t.Fatalf("own checksum: %v", bad)
			}
		}
	})
}

func FuzzUDP(f *testing.F) {
	f.Add(unhex(f, goldenUDP), false)                 // a good datagram
	f.Add([]byte{0, 1, 0, 2, 0, 8, 0, 0}, true)       // no checksum over IPv6
	f.Add([]byte{0, 1, 0, 2, 0xff, 0xff, 1, 2}, true) // a length that lies
	f.Fuzz(func(t *testing.T, b []byte, v6 bool) {
		a := addr("192.0.2.1")
		if v6 {
			a = addr("::1")
		}
		d, bad := wire.ParseUDP(b, a, a)
		if bad == wire.NotMalformed && (d.Length() != len(d) || len(d.Payload()) != len(d)-8) {
			t.Fatalf("the gate let %x through", b)
		}
		if d, bad = wire.ParseUDPQuoted(b); bad == wire.NotMalformed {
			_, _, _ = d.SrcPort(), d.DstPort(), d.Payload()
			d.SetLength(len(d))
			d.FillChecksum(a, a)
			if _, bad = wire.ParseUDP(d, a, a); bad != wire.NotMalformed {
				t.Fatalf("own checksum: %v", bad)
			}
		}
	})
}

func FuzzEthernet(f *testing.F) {
	f.Add(append(make([]byte, 12), 8, 0, 0x45))                      // no tags
	f.Add(append(make([]byte, 12), 0x81, 0, 0, 1, 0x86, 0xdd))       // one tag
	f.Add(append(make([]byte, 12), 0x88, 0xa8, 0, 1, 0x81, 0))       // ends in a tag
	f.Add(bytes.Repeat([]byte{0x81, 0}, 40))                         // tags without end
	f.Add(append(make([]byte, 12), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 0)) // a short ARP packet
	f.Fuzz(func(t *testing.T, b []byte) {
		e, bad := wire.ParseEthernet(b)
		if bad != wire.NotMalformed {
			return
		}
		if e.HeaderLen() != 14+4*e.NumTags() || e.NumTags() > wire.MaxVLANTags || len(e.Payload()) != len(b)-e.HeaderLen() {
			t.Fatalf("the parts do not add up: %x", b)
		}
		fields := wire.EthernetFields{Dst: e.Dst(), Src: e.Src(), EtherType: e.EtherType()}
		for i := range e.NumTags() {
			tag, ok := e.Tag(i)
			if !ok {
				t.Fatalf("tag %d of %x is missing", i, b)
			}
			fields.Tags = append(fields.Tags, tag)
		}
		out := make([]byte, fields.Len())
		if err := fields.Marshal(out); err != nil || !bytes.Equal(out, b[:len(out)]) {
			t.Fatalf("header %x written as %x: %v", b, out, err)
		}
		if a, bad := wire.ParseARP(e.Payload()); bad == wire.NotMalformed {
			_, _, _, _, _ = a.Op(), a.SenderMAC(), a.SenderIP(), a.TargetMAC(), a.TargetIP()
		}
	})
}
