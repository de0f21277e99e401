// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"protean/proto/frag"
	"protean/proto/frag/internal/script"
)

// TestCosts: what is charged covers what is used, and little data pins little
// memory.
func TestCosts(t *testing.T) {
	// An entry has up to four slots of four bytes in the table.
	if frag.EntryCost < frag.EntrySize+16 || frag.PieceCost < frag.PieceSize {
		t.Errorf("an entry of %d bytes is charged %d, a piece of %d bytes %d",
			frag.EntrySize, frag.EntryCost, frag.PieceSize, frag.PieceCost)
	}
	for _, c := range []struct {
		name, script string
		most         int
	}{
		{"40 bytes of data, 60 with the header", "0+40MA", 256},
		{"40 bytes of data from the middle", "800+40MA", 256},
		{"rose", "0+32MA 64800+8B", 2048},
		{"1480 bytes of data", "0+1480MA", 2048},
	} {
		g := newRig(t, nil)
		g.play(flow4, script.MustParse(c.script))
		if n := g.r.Stats().Bytes; n > c.most {
			t.Errorf("%s: charged %d, at most %d", c.name, n, c.most)
		}
		g.checkBooks()
	}
}

// TestLongListsAreNotHandedOn: a datagram with many holes does not make a later
// one with few cost more.
func TestLongListsAreNotHandedOn(t *testing.T) {
	g := newRig(t, &frag.Config{MaxFragments: 8192})
	holes := func(n int) int {
		for i := range n {
			g.feed(flow4.Append(nil, script.Piece{Off: 8 + 16*i, Len: 8, More: true}), frag.Meta{})
		}
		used := g.r.Stats().Bytes
		g.now += 30 * second
		g.r.Expire(g.now)
		return used
	}
	before := holes(10)
	if many := holes(1000); many < 100*before/10 {
		t.Fatalf("%d bytes for 1000 fragments", many)
	}
	if after := holes(10); after != before {
		t.Errorf("%d bytes for ten fragments, %d before", after, before)
	}
	g.checkBooks()
}

// forge gives the packet another source and identification.
func forge(b []byte, x *uint64) {
	*x = *x*6364136223846793005 + 1442695040888963407
	if b[0]>>4 == 4 {
		binary.BigEndian.PutUint32(b[12:], uint32(*x>>32))
		binary.BigEndian.PutUint16(b[4:], uint16(*x>>16))
		return
	}
	binary.BigEndian.PutUint64(b[8:], *x)
	binary.BigEndian.PutUint32(b[44:], uint32(*x>>16))
}

// TestMemoryStaysBounded: whatever sizes an attacker mixes, and whichever is
// used up first.
func TestMemoryStaysBounded(t *testing.T) {
	const limit = 1 << 20
	for _, c := range []frag.Config{{}, {MaxDatagrams: 100}, {Policy: frag.Last}, {Policy: frag.Linux}, {Tombstone: true}} {
		c.MaxBytes = limit
		g := newRig(t, &c)
		r := rand.New(rand.NewPCG(newSeed(t), 1))
		x := r.Uint64()
		for phase := range 6 {
			for i := range 8000 {
				f := flow([]int{4, 6}[i%2])
				size := []int{8, 8 * (1 + r.IntN(20)), 1400, 8, 8000, 200}[phase]
				b := f.Append(nil, script.Piece{Off: 8 * r.IntN(3) * r.IntN(100), Len: size, More: true})
				forge(b, &x)
				g.feed(b, frag.Meta{})
				if i%5 == 0 { // a second fragment, which does not complete it
					setOffset(b, 8*(2000+r.IntN(100)))
					g.feed(b, frag.Meta{})
				}
				s := g.r.Stats()
				most := limit
				if c.Policy == frag.Linux {
					most += 10000 // the fragment that went over
				}
				if s.Bytes > most || c.MaxDatagrams > 0 && s.Pending > c.MaxDatagrams {
					t.Fatalf("phase %d: %d bytes, %d datagrams", phase, s.Bytes, s.Pending)
				}
			}
			if n := g.r.Resident(); n > limit {
				t.Fatalf("phase %d: %d bytes resident", phase, n)
			}
			if err := g.r.Check(); err != nil {
				t.Fatal(err)
			}
		}
		if s := g.r.Stats(); s.Dropped[frag.NoMemory] == 0 {
			t.Error("the limit was never reached")
		}
		g.checkBooks()
	}
}

func setOffset(b []byte, off int) {
	if b[0]>>4 == 4 {
		binary.BigEndian.PutUint16(b[6:], 0x2000|uint16(off/8))
	} else {
		binary.BigEndian.PutUint16(b[42:], uint16(off)|1)
	}
}

// A flood measures what becomes of honest datagrams of two fragments, which
// come a millisecond apart, 1000 datagrams a second, under 500,000 fragments a
// second from an attacker.
func flood(t *testing.T, c *frag.Config, seconds int, attack func(i int) [][]byte) (completed, sent int) {
	g := newRig(t, c)
	honest := flow4
	honest.Src = netip.MustParseAddr("203.0.113.5")
	p := [][]byte{honest.Append(nil, script.Piece{Len: 1480, More: true, Fill: 'A'}), honest.Append(nil, script.Piece{Off: 1480, Len: 500, Fill: 'B'})}
	want := append(bytes.Repeat([]byte{'A'}, 1480), bytes.Repeat([]byte{'B'}, 500)...)
	n := 0
	var d frag.Datagram
	for ms := range 1000 * seconds {
		g.now = int64(ms) * 1e6
		if ms > 100 { // after the flood has begun
			setID(p[1], uint32(ms-1))
			v, out, _ := g.feed(p[1], frag.Meta{})
			if v == frag.Complete {
				completed++
				if !bytes.Equal(out[20:], want) {
					t.Fatal("the datagram is not what was sent")
				}
			}
		}
		if ms >= 100 {
			sent++
			setID(p[0], uint32(ms))
			g.feed(p[0], frag.Meta{})
		}
		for k := 0; k < 500; {
			for _, b := range attack(n) {
				if g.r.Feed(g.now, b, frag.Meta{}, &d) == frag.Complete {
					t.Fatal("the attacker completed a datagram")
				}
				k++
			}
			n++
		}
		g.r.Expire(g.now)
	}
	g.checkBooks()
	return completed, sent - 1
}

func TestHonestDatagramsSurviveFloods(t *testing.T) {
	forged := flow4.Append(nil, script.Piece{Off: 8, Len: 40, More: true})
	second := flow4.Append(nil, script.Piece{Off: 64, Len: 40, More: true})
	big := flow4.Append(nil, script.Piece{Off: 8, Len: 1480, More: true})
	x := uint64(1)
	single := func(int) [][]byte { forge(forged, &x); return [][]byte{forged} }
	pairs := func(int) [][]byte {
		forge(forged, &x)
		copy(second[4:6], forged[4:6])
		copy(second[12:16], forged[12:16])
		return [][]byte{forged, second}
	}
	large := func(int) [][]byte { forge(big, &x); return [][]byte{big} }
	own := func(i int) [][]byte { // all from one source, with any identification
		binary.BigEndian.PutUint16(big[4:], uint16(i))
		return [][]byte{big}
	}
	for _, c := range []struct {
		name   string
		attack func(int) [][]byte
		least  float64
	}{
		{"single fragments, forged sources", single, 0.99},
		{"pairs that never complete, forged sources", pairs, 0.99},
		{"large fragments, forged sources", large, 0.99},
		{"large fragments, one source", own, 0.99},
	} {
		t.Run(c.name, func(t *testing.T) {
			completed, sent := flood(t, nil, 1, c.attack)
			t.Logf("%d of %d completed", completed, sent)
			if float64(completed) < c.least*float64(sent) {
				t.Errorf("%d of %d completed", completed, sent)
			}
		})
	}
	t.Run("the kernel's way, for comparison", func(t *testing.T) {
		completed, sent := flood(t, &frag.Config{Policy: frag.Linux, MaxBytes: 4 << 20}, 1, single)
		t.Logf("%d of %d completed", completed, sent)
		if completed > sent/100 {
			t.Errorf("%d of %d completed: refusing new fragments is not that good", completed, sent)
		}
	})
}

// TestOneSourceDoesNotDisplaceMany: when memory is short, a source that holds
// much gives way before many that hold little each.
func TestOneSourceDoesNotDisplaceMany(t *testing.T) {
	const many = 300
	g := newRig(t, &frag.Config{MaxBytes: 4 << 20})
	x := uint64(11)
	first, second := load(4, 3, 1480)[0], load(4, 3, 1480)[1]
	third := load(4, 3, 1480)[2]
	type flow struct{ src, id [4]byte }
	var flows []flow
	set := func(b []byte, f flow) []byte {
		copy(b[12:16], f.src[:])
		copy(b[4:6], f.id[:])
		return b
	}
	for range many {
		forge(first, &x)
		f := flow{[4]byte(first[12:16]), [4]byte{first[4], first[5]}}
		flows = append(flows, f)
		g.feed(first, frag.Meta{})
		g.feed(set(second, f), frag.Meta{})
	}
	greedy := flow4
	greedy.Src = netip.MustParseAddr("203.0.113.77")
	for i := range 5000 {
		greedy.ID = uint32(i)
		g.feed(greedy.Append(nil, script.Piece{Len: 1480, More: true}), frag.Meta{})
		g.feed(greedy.Append(nil, script.Piece{Off: 1480, Len: 1480, More: true}), frag.Meta{})
	}
	completed := 0
	for _, f := range flows {
		if v, _, _ := g.feed(set(third, f), frag.Meta{}); v == frag.Complete {
			completed++
		}
	}
	// Less than one in three hundred shares the cell of the greedy one.
	if completed < many-10 {
		t.Errorf("%d of %d completed", completed, many)
	}
	g.checkBooks()
}

// TestSingleFragmentsUseHalfOfTheMemory and leave the other half to datagrams
// that have more.
func TestSingleFragmentsUseHalfOfTheMemory(t *testing.T) {
	g := newRig(t, &frag.Config{MaxBytes: 1 << 20})
	b := flow4.Append(nil, script.Piece{Off: 8, Len: 1480, More: true})
	x := uint64(13)
	for range 5000 {
		forge(b, &x)
		g.feed(b, frag.Meta{})
	}
	if n := g.r.Stats().Bytes; n > 1<<19 || n < 1<<19-4096 {
		t.Errorf("%d bytes in use", n)
	}
	g.checkBooks()
}

// TestPairsLeaveRoomForWhatIsNew: when datagrams of two fragments fill all
// places, single ones keep a quarter of them.
func TestPairsLeaveRoomForWhatIsNew(t *testing.T) {
	const places = 400
	g := newRig(t, &frag.Config{MaxDatagrams: places})
	x := uint64(17)
	a, b := load(4, 3, 64)[0], load(4, 3, 64)[1]
	pair := func() {
		forge(a, &x)
		copy(b[4:6], a[4:6])
		copy(b[12:16], a[12:16])
		g.feed(a, frag.Meta{})
		g.feed(b, frag.Meta{})
	}
	for range 2 * places {
		pair()
	}
	for range 2 * places {
		forge(a, &x)
		g.feed(a, frag.Meta{})
	}
	if n := g.r.Single(); n < places/4 || n > places/4+2 {
		t.Errorf("%d of %d places are for single fragments", n, places)
	}
	g.checkBooks()
}

// TestOneDatagramCanBeTooMuch: with the limits at odds, a datagram that alone
// needs more than all memory is given up.
func TestOneDatagramCanBeTooMuch(t *testing.T) {
	for _, policy := range []frag.Policy{frag.Drop, frag.Linux} {
		g := newRig(t, &frag.Config{MaxBytes: 256 << 10, MaxFragments: 8192, Policy: policy})
		for _, p := range pieces(65512, 8) {
			if g.piece(&flow4, p) != nil {
				t.Errorf("%v: delivered", policy)
			}
		}
		if g.r.Stats().Dropped[frag.NoMemory] == 0 {
			t.Errorf("%v: not for want of memory: %+v", policy, g.r.Stats())
		}
		g.checkBooks()
	}
}

// TestCompletionIsNeverRefused: what belongs to a datagram that has begun is
// taken although memory and places are used up by others.
func TestCompletionIsNeverRefused(t *testing.T) {
	g := newRig(t, &frag.Config{MaxBytes: 1 << 20, MaxDatagrams: 500})
	x := uint64(7)
	other := flow4.Append(nil, script.Piece{Off: 8, Len: 1480, More: true})
	f := flow4
	f.Src = netip.MustParseAddr("203.0.113.5")
	for round := range 50 {
		f.ID = uint32(round + 1)
		s := pieces(60000, 1480)
		for i, p := range s {
			for range 20 * min(max(i-1, 0), 1) { // its second fragment has taken it out of probation
				forge(other, &x)
				g.feed(other, frag.Meta{})
			}
			v, _, _ := g.feed(f.Append(nil, p), frag.Meta{})
			if want := i == len(s)-1; (v == frag.Complete) != want {
				t.Fatalf("round %d, fragment %d of %d: %v", round, i, len(s), v)
			}
		}
	}
	if n := g.r.Stats().Dropped[frag.NoMemory]; n == 0 {
		t.Error("memory was never used up")
	}
	g.checkBooks()
}

// TestTimeoutShrinksUnderPressure: the time that datagrams have falls from
// thirty seconds, while memory is half full, to one second, when it is full; so
// what is in use after a time is what has that time.
func TestTimeoutShrinksUnderPressure(t *testing.T) {
	const limit = 1 << 20
	g := newRig(t, &frag.Config{MaxBytes: limit})
	b := flow4.Append(nil, script.Piece{Off: 8, Len: 1480, More: true})
	second := flow4.Append(nil, script.Piece{Off: 1600, Len: 1480, More: true})
	x := uint64(3)
	for range 2000 {
		forge(b, &x)
		copy(second[4:6], b[4:6])
		copy(second[12:16], b[12:16])
		g.feed(b, frag.Meta{})
		g.feed(second, frag.Meta{})
	}
	for _, seconds := range []int{4, 15, 29} {
		g.r.Expire(int64(seconds) * 1e9)
		want := limit/2 + limit/2*(30-seconds)/29
		if n := g.r.Stats().Bytes; n > want || n < want-2*4096 {
			t.Errorf("%d bytes in use after %d seconds, want %d or just below", n, seconds, want)
		}
	}
	g.r.Expire(30 * int64(time.Second))
	if n := g.r.Stats().Pending; n != 0 {
		t.Errorf("%d pending after the full time", n)
	}
	g.checkBooks()
}

// TestHeapStaysFlat: after memory has grown to its limit, floods of another
// kind do not make it grow.
func TestHeapStaysFlat(t *testing.T) {
	g := newRig(t, &frag.Config{MaxBytes: 4 << 20})
	x := uint64(9)
	run := func(sizes ...int) uint64 {
		for i := range 60000 {
			f := flow([]int{4, 6}[i%2])
			g.b = f.AppendData(g.b[:0], 8, make([]byte, sizes[i%len(sizes)]), true)
			forge(g.b, &x)
			g.feed(g.b, frag.Meta{})
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := run(8, 1480, 200)
	after := run(1480, 8, 640, 3000)
	if after > before+before/5+1<<20 {
		t.Errorf("heap grew from %d to %d", before, after)
	}
	g.checkBooks()
}
