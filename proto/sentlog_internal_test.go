// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"protean/proto/wire"
	"protean/transport"
)

// longLog has as many packets as a log keeps, to 2000::, which differ in the first
// bytes of their payload.
func longLog() *sentLog {
	l, b := &sentLog{}, &Binding{}
	pk := make([]byte, 60)
	pk[0], pk[5], pk[6], pk[24] = 0x60, 20, 253, 0x20
	for i := range maxSentLog {
		binary.BigEndian.PutUint32(pk[40:], uint32(i))
		l.record([]transport.Slot{{Data: pk, Cookie: uint64(i)}}, []*Binding{b}, 0)
	}
	return l
}

func errorAbout(first string) *NetworkError {
	return &NetworkError{Origin: transport.OriginICMP6, Dst: netip.MustParseAddr("2000::"), Protocol: 253, Size: 60, Quoted: []byte(first)}
}

func TestALongLogIsSearchedByItsTags(t *testing.T) {
	l := longLog()
	if p, ok := l.find(errorAbout("\x00\x00\x12\x34\x00\x00\x00\x00"), sentLife, true); !ok || p.cookie != 0x1234 {
		t.Errorf("found %v, packet %#x", ok, p.cookie)
	}
	if _, ok := l.find(errorAbout("\x00\x00\x12\x34\x00\x00\x00\x00"), sentLife+1<<20, true); ok {
		t.Error("an error about a packet that is too old is believed")
	}
	// Who forges errors does not have packets looked at one by one.
	for i := range l.packets {
		l.packets[i].dst = l.address(netip.MustParseAddr("2000::1")) // each would be the one
	}
	forged := errorAbout("forged!!")
	forged.Dst = netip.MustParseAddr("2000::1")
	for i := range l.packets {
		copy(l.packets[i].first[:], "forged!!")
	}
	if _, ok := l.find(forged, 0, true); ok {
		t.Error("a packet was looked at although its tag is another")
	}
}

// BenchmarkForgedError is what an ICMPv6 error costs that is about no packet of a
// long log.
func BenchmarkForgedError(b *testing.B) {
	l, e := longLog(), errorAbout("forged!!")
	for b.Loop() {
		l.find(e, 0, true)
	}
}

// TestALogThatGrowsKeepsWhatItHas has cookies begin late, and the log grow before
// and after that.
func TestALogThatGrowsKeepsWhatItHas(t *testing.T) {
	l, b := &sentLog{}, &Binding{serial: 7}
	packet := func(i int) []byte {
		if i%2 == 0 {
			d := make([]byte, 40+12)
			d[0], d[6] = 0x60, 253
			copy(d[8:], netip.MustParseAddr("2001:db8::1").AsSlice())
			copy(d[24:], netip.MustParseAddr("2001:db8::2").AsSlice())
			binary.BigEndian.PutUint32(d[40:], uint32(i))
			return d
		}
		d := make([]byte, 20+12)
		d[0], d[9] = 0x45, 253
		copy(d[12:], []byte{10, 0, 0, 1})
		copy(d[16:], []byte{10, 0, 0, 2})
		binary.BigEndian.PutUint16(d[4:], uint16(i))
		binary.BigEndian.PutUint32(d[20:], uint32(i))
		return d
	}
	about := func(i int) *NetworkError {
		e := &NetworkError{Protocol: 253, Quoted: binary.BigEndian.AppendUint32(nil, uint32(i)), Origin: transport.OriginICMP6,
			Src: netip.MustParseAddr("2001:db8::1"), Dst: netip.MustParseAddr("2001:db8::2")}
		e.Quoted = append(e.Quoted, 0, 0, 0, 0)
		if i%2 == 1 {
			e.Origin, e.ID = transport.OriginICMP, uint32(i)
			e.Src, e.Dst = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
		}
		return e
	}
	const late, n = 40, 1000
	cookie := func(i int) uint64 {
		if i < late {
			return 0
		}
		return uint64(i) << 33
	}
	for i := range n {
		l.record([]transport.Slot{{Data: packet(i), Cookie: cookie(i)}}, []*Binding{b}, 0)
	}
	l.record([]transport.Slot{{Data: packet(n)}}, []*Binding{b}, 0)
	l.forget(1, false)
	for i := range n {
		p, ok := l.find(about(i), 0, true)
		if !ok || p.cookie != cookie(i) || p.owner != 7 || p.size != len(packet(i)) {
			t.Fatalf("packet %d: found %v, %+v", i, ok, p)
		}
		other := about(i)
		for _, a := range []*netip.Addr{&other.Src, &other.Dst} {
			was := *a
			*a = a.Next().Next()
			if _, ok := l.find(other, 0, true); ok {
				t.Fatalf("packet %d: found by an error about %v to %v", i, other.Src, other.Dst)
			}
			*a = was
		}
		other.Protocol++
		if _, ok := l.find(other, 0, true); ok {
			t.Fatalf("packet %d: found by an error about another protocol", i)
		}
		if other.ID = 0; i < 100 { // so that all of the log is looked at
			if _, ok := l.find(other, 0, false); ok {
				t.Fatalf("packet %d: found by an error about another protocol, and without an identification", i)
			}
		}
	}
	if _, ok := l.find(about(n), 0, true); ok {
		t.Error("a packet that was not sent is found")
	}
}

// number is an IPv6 packet whose payload is i.
func number(i int) []byte {
	d := make([]byte, 48)
	d[0], d[6], d[24] = 0x60, 253, 0x20
	binary.BigEndian.PutUint32(d[40:], uint32(i))
	return d
}

func (l *sentLog) recordNumber(i int, now int64) {
	l.record([]transport.Slot{{Data: number(i), Cookie: uint64(i) + 1}}, []*Binding{{}}, now)
}

func (l *sentLog) hasNumber(i int, now int64) bool {
	e := errorAbout(string(number(i)[40:]))
	e.Size = 0
	p, ok := l.find(e, now, true)
	return ok && p.cookie == uint64(i)+1
}

// TestALogThatWrapsGrowsInOrder has it grow when its oldest packet is in its middle,
// also when its clock comes round.
func TestALogThatWrapsGrowsInOrder(t *testing.T) {
	for _, start := range []int64{0, 1<<52 - 1<<20 - 2*sentLife} {
		l := new(sentLog)
		for i := range 5 {
			l.recordNumber(i, start)
		}
		now := start + 2*sentLife
		const n = 500
		for i := 5; i < n; i++ {
			l.recordNumber(i, now+int64(i)<<16)
		}
		if now += n << 16; len(l.packets) != 1024 {
			t.Errorf("there is room for %d packets", len(l.packets))
		}
		for i := 5; i < n; i++ {
			if !l.hasNumber(i, now) {
				t.Fatalf("packet %d is not found", i)
			}
		}
		for d := 1; d < n-5; d++ {
			if k := (l.next - d) & (len(l.packets) - 1); l.cookies[k] != uint64(n-d)+1 {
				t.Fatalf("%d places back is packet %d", d, l.cookies[k])
			}
		}
	}
}

// TestALogBecomesLongInFewSteps: each of them makes a packet late.
func TestALogBecomesLongInFewSteps(t *testing.T) {
	l, steps := new(sentLog), 0
	for i, was := 0, 0; i <= maxSentLog; i++ {
		if l.recordNumber(i, 0); len(l.packets) != was {
			was = len(l.packets)
			steps++
		}
	}
	if len(l.packets) != maxSentLog || steps > 7 {
		t.Errorf("%d places after %d steps", len(l.packets), steps)
	}
}

// TestALogTakesAnEarlierTime: those who share it looked at the clock when they began.
func TestALogTakesAnEarlierTime(t *testing.T) {
	l := new(sentLog)
	for i := range newSentLog {
		l.recordNumber(i, 5<<20)
	}
	for i := range 3 {
		l.recordNumber(newSentLog+i, 1<<20)
	}
	for i := range newSentLog + 3 {
		if !l.hasNumber(i, 1<<20) || !l.hasNumber(i, 6<<20) {
			t.Errorf("packet %d is not found", i)
		}
	}
}

// TestALogOutlivesItsClock: what tells the time in it comes round after 52 days.
func TestALogOutlivesItsClock(t *testing.T) {
	l, b := &sentLog{}, &Binding{}
	pk := make([]byte, 60)
	pk[0], pk[6], pk[24] = 0x60, 253, 0x20
	now := int64(1)<<52 - 1<<20
	l.record([]transport.Slot{{Data: pk, Cookie: 1}}, []*Binding{b}, now)
	e := errorAbout("\x00\x00\x00\x00\x00\x00\x00\x00")
	if _, ok := l.find(e, now+5<<20, true); !ok {
		t.Error("a packet sent before the clock comes round is not found after it")
	}
	if _, ok := l.find(e, now+sentLife+2<<20, true); ok {
		t.Error("an error about a packet that is too old is believed")
	}
}

// TestAPacketThatWasRefusedIsNobodys, if it was for its size, and what would have followed is
// forgotten: an error of the kernel's about its size is told to nobody, and is not about one
// before that looks like it. Other errors are.
func TestAPacketThatWasRefusedIsNobodys(t *testing.T) {
	pk := make([]byte, 60)
	pk[0], pk[5], pk[6], pk[24] = 0x60, 20, 253, 0x20
	for _, refused := range []bool{false, true} {
		l, b := &sentLog{}, &Binding{serial: 7}
		for i := range 4 {
			l.record([]transport.Slot{{Data: pk, Cookie: uint64(i + 1)}}, []*Binding{b}, 0)
		}
		l.forget(3, refused)
		for _, typ := range []uint8{wire.ICMPv6PacketTooBig, wire.ICMPv6Unreachable} {
			want := sentMatch{size: 60, cookie: 1, owner: 7}
			if refused && typ == wire.ICMPv6PacketTooBig {
				want.cookie, want.owner = 2, nobody
			}
			e := errorAbout("\x00\x00\x00\x00\x00\x00\x00\x00")
			e.Type = typ
			p, ok := l.find(e, 0, true)
			if p.reads = 0; !ok || p != want {
				t.Errorf("refused %v, type %d: %+v, %v", refused, typ, p, ok)
			}
		}
	}
}

// TestAnOldPacketOfTheRightSizeIsNotPreferred to one that counts and may have been cut.
func TestAnOldPacketOfTheRightSizeIsNotPreferred(t *testing.T) {
	packet := func(n int) []byte {
		d := make([]byte, n)
		d[0], d[9], d[15], d[19] = 0x45, 253, 1, 2 // without an identification and DF
		binary.BigEndian.PutUint16(d[2:], uint16(n))
		return d
	}
	l, b := &sentLog{}, &Binding{serial: 7}
	l.record([]transport.Slot{{Data: packet(100), Cookie: 1}}, []*Binding{b}, 0)
	now := sentLife + 10<<20
	l.record([]transport.Slot{{Data: packet(1400), Cookie: 2}}, []*Binding{b}, now)
	e := &NetworkError{Origin: transport.OriginICMP, Type: wire.ICMPv4TimeExceeded, Protocol: 253, Size: 100, Quoted: make([]byte, 8),
		Src: netip.MustParseAddr("0.0.0.1"), Dst: netip.MustParseAddr("0.0.0.2")}
	if p, ok := l.find(e, now, true); !ok || p.cookie != 2 {
		t.Errorf("found %v, %+v", ok, p)
	}
}
