// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
)

// FuzzPinger gives a Pinger with open requests anything for an answer.
func FuzzPinger(f *testing.F) {
	const id, open = 7, 4
	a4, b4 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	a6, b6 := netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
	f.Add(false, []byte{})
	f.Add(false, message(0, 0, id<<16|2, []byte("not what was sent"), b4, a4))      // a reply with other data
	f.Add(true, message(129, 0, id<<16|2, []byte("not what was sent"), b6, a6))     // the same, IPv6
	f.Add(false, []byte{0, 0, 0, 0, 0, id, 0, 1})                                   // a wrong checksum
	f.Add(false, message(3, 4, 1400, []byte{0x45, 0, 0, 84, 19: 2, 20: 8}, b4, a4)) // fragmentation needed, quote cut short
	f.Add(false, message(11, 0, 0x00ff0000, make([]byte, 40), b4, a4))              // a quote length longer than the message
	f.Add(true, message(1, 0, 0, append([]byte{0x60, 5: 8, 6: 58, 7: 64, 39: 2}, 128, 0, 0, 0, 0, id, 0, 1), b6, a6))
	f.Add(true, message(2, 0, 0xffffffff, make([]byte, 60), b6, a6)) // an MTU of 4 GiB
	f.Fuzz(func(t *testing.T, v6 bool, m []byte) {
		if len(m) > 1400 {
			return
		}
		n := prototest.Pair(t, nil)
		var lines bytes.Buffer
		text := Text{Out: &lines, Err: &lines, Size: 56, Addr: addr(n.B, v6)}
		p := &Pinger{Config: Config{Dst: addr(n.B, v6), ID: id, Size: 56, Interval: time.Second, Report: text.Event}}
		n.A.RegisterWith(t, p, &proto.Options{Protocols: []uint8{p.Protocol()}, Shared: true})
		n.Run(t, (open-1)*time.Second)
		n.B.Send(t, p.Protocol(), addr(n.A, v6), m)
		n.Run(t, time.Millisecond)
		s, h := p.Stats(), n.A.Stats()
		if h.Panics != 0 || h.Received != 1 || h.Taken+h.Dropped.Total() != 1 {
			t.Errorf("host: %+v", h)
		}
		if s.Transmitted != open || s.Received+s.Late+s.Duplicates+s.Corrupted+s.Errors > 1 {
			t.Errorf("%+v", s)
		}
		if s.Received != 0 { // the cookie has 64 bits
			t.Errorf("%x was taken for an answer", m)
		}
		if bytes.Count(lines.Bytes(), []byte("\n")) > 2 {
			t.Errorf("printed %q", lines.Bytes())
		}
	})
}

// FuzzResponder asks a Responder anything.
func FuzzResponder(f *testing.F) {
	a4, b4 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	a6, b6 := netip.MustParseAddr("fd00::1"), netip.MustParseAddr("fd00::2")
	f.Add(false, []byte{8})                                             // a byte of a request
	f.Add(false, message(8, 0, 1, []byte("odd"), a4, b4))               // a request
	f.Add(false, message(8, 0, 0, []byte{0xf7, 0xff}, a4, b4))          // whose checksum is zero
	f.Add(true, message(128, 3, 0xffffffff, make([]byte, 999), a6, b6)) // with a code
	f.Fuzz(func(t *testing.T, v6 bool, m []byte) {
		if len(m) > 1400 {
			return
		}
		n := prototest.Pair(t, nil)
		respond(t, n, ResponderConfig{})
		d := dialectOf(addr(n.B, v6))
		rec := n.A.Record(t, d.protocol)
		n.A.Send(t, d.protocol, addr(n.B, v6), m)
		n.Run(t, time.Millisecond)
		h := n.B.Stats()
		if h.Panics != 0 || h.Taken+h.Dropped.Total() != 1 {
			t.Errorf("host: %+v", h)
		}
		got := rec.Packets()
		if len(got) == 0 {
			if h.Dropped[transport.NoHandler]+h.Dropped[transport.Malformed]+h.Dropped[transport.BadChecksum] != 1 {
				t.Errorf("not answered: %+v", h)
			}
			return
		}
		if r := got[0].Payload(); len(got) != 1 || r[0] != d.reply || !intact(got[0], r) || !bytes.Equal(r[4:], m[4:]) {
			t.Errorf("%d answers to %x, the first %x", len(got), m, r)
		}
	})
}
