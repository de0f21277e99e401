// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport/sim"
)

// forge returns a packet with a right checksum.
func forge(k kind, conn uint64, number uint32, body []byte) []byte {
	b := make([]byte, headerLen+len(body))
	putHeader(b, k, conn, number)
	copy(b[headerLen:], body)
	seal(b)
	return b
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{})                                                    // nothing
	f.Add(forge(kindPing, 1, 1, nil))                                  // the shortest
	f.Add(forge(kindOffer, 1, 0, append(make([]byte, offerLen), 'x'))) // blocks of 0 bytes
	f.Add(forge(kindAck, 1, 0, make([]byte, ackLen+rangeLen)))         // an empty range
	f.Add(forge(kindAck, 1, 0, make([]byte, ackLen+65*rangeLen)))      // too many ranges
	f.Add(forge(kindData, 1, 0, make([]byte, 5)))                      // without a number
	f.Add(forge(kindClose, 1, 0, []byte{255}))                         // an unknown code
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parse(b)
		if err != nil {
			if m.body != nil {
				t.Error("a packet that is refused has a body")
			}
			// Go on as if the checksum were right: it is no secret.
			if len(b) < headerLen {
				return
			}
			putHeader(b, kind(b[5]), 1, uint32(b[20]))
			seal(b)
			if m, err = parse(b); err != nil {
				return
			}
		}
		if o, ok := parseOffer(m.body); ok {
			if o.Size < 0 || o.Size > maxSize || o.block < minBlock || o.Name == "" || len(o.Name) > maxName {
				t.Errorf("offer %+v was taken", o)
			}
			if n := o.blocks(); n > 0 {
				if last := o.blockLen(n - 1); last < 1 || last > o.block {
					t.Errorf("the last block of %+v has %d bytes", o, last)
				}
			}
		}
		if a, ok := parseAck(m.body); ok {
			last := a.next
			for i := range a.len() {
				first, end := a.at(i)
				if first <= last || end <= first {
					t.Errorf("range %d is %d to %d behind %d", i, first, end, last)
				}
				last = end
			}
			if last > a.limit || a.len() > maxRanges {
				t.Errorf("ACK %+v was taken", a)
			}
		}
		if _, data, ok := parseData(m.body); ok && len(data) == 0 {
			t.Error("an empty block was taken")
		}
		parseCookie(m.body)
		parseClose(m.body)
		parseQuoted(b)
	})
}

// FuzzTransfer has somebody who sees all packets send others at any time, to
// either side, from the other's address, with the right connection ID. The
// transfer may fail, but not panic, and not grow.
func FuzzTransfer(f *testing.F) {
	f.Add([]byte{})
	// An ACK of everything before the transfer, a CLOSE in the middle of it.
	f.Add([]byte{0, byte(kindAck), 0, 12, 0, 0, 0, 1, 0, 0, 0, 200, 0, 0, 1, 0, 3, byte(kindClose), 0, 1, 8})
	// To the receiver: a block far away, FINISH too early, a new offer.
	f.Add([]byte{1, byte(kindData), 1, 5, 255, 255, 255, 255, 0, 1, byte(kindFinish), 0, 32})
	// Blocks that are acknowledged, and then not any more.
	f.Add([]byte{8, byte(kindAck), 0, 20, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 9, 9, 0, 0, 0, 4, 0, 0, 0, 9, 8, byte(kindAck), 0, 12})
	f.Fuzz(func(t *testing.T, script []byte) {
		cfg := &prototest.Config{Link: sim.LinkConfig{Delay: time.Millisecond, Rate: 20e6}}
		cfg.Host.CrashOnPanic = true
		tr := newTrial(t, cfg, content(100_000, 1), false)
		other := proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { return proto.Pass })
		a := tr.net.A.RegisterWith(t, other, Options(Protocol))
		b := tr.net.B.RegisterWith(t, other, Options(Protocol))

		// Each forged packet is: bit 0 to whom, the others when; type; number;
		// length of the body; body.
		for len(script) >= 4 {
			when, k, number, n := script[0], kind(script[1]), uint32(script[2]), int(script[3])
			body := make([]byte, n)
			script = script[4+copy(body, script[4:]):]
			for range when >> 1 & 15 {
				if err := tr.step(); err != nil {
					t.Fatal(err)
				}
			}
			from, dst := a, tr.net.B.Addr4
			if when&1 == 0 {
				from, dst = b, tr.net.A.Addr4
			}
			if err := from.Do(func(env *proto.Env) {
				if err := env.Send(proto.Header{Dst: dst}, forge(k, tr.s.conn, number, body)); err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Fatal(err)
			}
		}
		// Whatever was forged, both sides come to an end.
		if err := tr.run(2 * time.Minute); err != nil && tr.r.state != listening {
			t.Error(err)
		}
		if n := len(tr.r.buf.buf) + len(tr.s.buf.buf); n > 2*defaultWindow {
			t.Errorf("windows of %d bytes", n)
		}
	})
}

func TestForgedOffersCostNoMemory(t *testing.T) {
	n := prototest.Pair(t, nil)
	r := NewReceiver(nil)
	n.B.RegisterWith(t, r, Options(Protocol))
	rec := n.A.Record(t, Protocol)
	o := offer{Offer: Offer{Name: "x", Size: maxSize}, block: 65535}
	body := make([]byte, offerLen+1)
	for i := range 100 {
		o.cookie = uint64(i) // none is right
		o.put(body)
		n.A.Send(t, Protocol, n.B.Addr4, forge(kindOffer, uint64(i), 0, body))
	}
	n.Run(t, time.Second)
	if r.state != listening || r.buf.buf != nil {
		t.Errorf("the receiver is in state %v with a window of %d bytes", r.state, len(r.buf.buf))
	}
	for _, p := range rec.Packets() {
		if len(p.Payload()) > headerLen+len(body) {
			t.Errorf("an answer of %d bytes to %d", len(p.Payload()), headerLen+len(body))
		}
		if m, err := parse(p.Payload()); err != nil || m.kind != kindCookie {
			t.Errorf("answer %+v, %v, want a cookie", m, err)
		}
	}
	if len(rec.Packets()) != 100 {
		t.Errorf("%d answers to 100 offers", len(rec.Packets()))
	}
}

func TestForeignAndBrokenPacketsAreNotTaken(t *testing.T) {
	good := forge(kindPing, 1, 1, nil)
	broken := func(change func(b []byte)) []byte {
		b := append([]byte(nil), good...)
		change(b)
		return b
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"nothing", nil, "proto: passed on"},
		{"another experiment", broken(func(b []byte) { b[0]++ }), "proto: passed on"},
		{"another version", broken(func(b []byte) { b[4]++ }), "proto: passed on"},
		{"a short header", good[:headerLen-1], "dropped: malformed"},
		{"a flipped bit", broken(func(b []byte) { b[23] ^= 1 }), "dropped: bad checksum"},
		{"a PING without a number", forge(kindPing, 1, 0, nil), "dropped: malformed"},
		{"a CLOSE with a number", forge(kindClose, 1, 1, []byte{0}), "dropped: malformed"},
	} {
		if _, err := parse(tt.b); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if _, err := parse(good); err != nil {
		t.Error(err)
	}
}

func TestBitmapAgreesWithASlowOne(t *testing.T) {
	for _, n := range []uint32{1, 63, 64, 65, 200} {
		m := newBitmap(n)
		var slow []bool
		for i := range n {
			set := i%3 == 0 || i > 100
			slow = append(slow, set)
			if set {
				m.set(i)
			}
		}
		for from := range 2 * n {
			for _, want := range []bool{false, true} {
				end := from + n
				at := from
				for at < end && slow[at%n] != want {
					at++
				}
				if got := m.run(from, end, want); got != at {
					t.Fatalf("length %d: run(%d, %d, %v) = %d, want %d", n, from, end, want, got, at)
				}
			}
		}
	}
}
