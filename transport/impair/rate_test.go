// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"math"
	"testing"
	"time"
)

// burst sends n packets of the given size at once and returns what came out.
func burst(l *lab, n, size int) []arrived {
	begin := len(l.out[0])
	for i := range n {
		b := packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, size-20))
		l.send(0, i, b)
	}
	l.pass(time.Hour)
	l.balance()
	return l.out[0][begin:]
}

func TestARateSpacesPackets(t *testing.T) {
	l := newLab(t, nil, "rate 8mbit", "") // 1000 bytes take a millisecond
	for i, a := range burst(l, 100, 1000) {
		if want := int64(i+1) * 1e6; a.at != want {
			t.Fatalf("packet %d arrives at %d, want %d", i, a.at, want)
		}
	}
}

func TestAQueueDropsTheTail(t *testing.T) {
	for text, want := range map[string]int{
		"rate 8mbit":                     1001,
		"rate 8mbit limit 10p":           11,
		"rate 8mbit limit 4999b":         5,
		"rate 8mbit limit 5000b":         6,
		"rate 8mbit limit 3p limit 5kb":  4,
		"rate 8mbit limit 1b":            1,
		"rate 8mbit burst 2kb limit 10p": 12,
		"rate 8mbit burst 999b":          0,
		"rate trace 1ms,2ms limit 10p":   10, // all wait for an opportunity
	} {
		l := newLab(t, nil, text, "")
		all := burst(l, 1500, 1000)
		if len(all) != want {
			t.Errorf("%s: %d packets arrived, want %d", text, len(all), want)
		}
		for i, a := range all {
			if a.meta != i {
				t.Fatalf("%s: packet %d arrives in place %d", text, a.meta, i)
			}
		}
		if s := l.pipes[0].Stats(); s.QueueDropped != uint64(1500-want) {
			t.Errorf("%s: counted is %+v", text, s)
		}
	}
}

// TestATokenBucketIsFilledAndEmptied: a full bucket of 10 kB lets ten packets
// of 1000 bytes through at once, then one a millisecond; after 3.5 ms without
// packets three have gathered.
func TestATokenBucketIsFilledAndEmptied(t *testing.T) {
	l := newLab(t, nil, "rate 8mbit burst 10000b", "")
	for i, a := range burst(l, 30, 1000) {
		if want := max(0, int64(i-9)*1e6); a.at != want {
			t.Errorf("packet %d arrives at %d, want %d", i, a.at, want)
		}
	}
	l = newLab(t, nil, "rate 8mbit burst 10000b", "")
	for i := range 20 {
		l.send(0, i, make([]byte, 1000))
	}
	l.pass(10*time.Millisecond + 3500*time.Microsecond) // the last left at 10 ms
	now := l.now
	for i := range 5 {
		l.send(0, 20+i, make([]byte, 1000))
	}
	l.pass(time.Hour)
	for i, a := range l.out[0][20:] {
		if want := now + max(0, int64(i-3)*1e6+500e3+0); i < 3 && a.at != now || i >= 3 && a.at != want {
			t.Errorf("after a pause packet %d arrives at %d, want %d", i, a.at-now, want-now)
		}
	}
}

func TestATraceOfOpportunitiesIsFollowed(t *testing.T) {
	// Three opportunities every 10 ms.
	l := newLab(t, nil, "rate trace 2ms,5ms,10ms", "")
	want := []int64{2, 5, 10, 12, 15, 20}
	for i, a := range burst(l, 6, 1500) {
		if a.at != want[i]*1e6 {
			t.Errorf("packet %d arrives at %d ms, want %d", i, a.at/1e6, want[i])
		}
	}
	// Small packets share one, large packets take several.
	l = newLab(t, nil, "rate trace 2ms,5ms,10ms", "")
	want = []int64{2, 2, 5, 5, 10, 10}
	for i, a := range burst(l, 6, 750) {
		if a.at != want[i]*1e6 {
			t.Errorf("small packet %d arrives at %d ms, want %d", i, a.at/1e6, want[i])
		}
	}
	l = newLab(t, nil, "rate trace 2ms,5ms,10ms", "")
	want = []int64{5, 12, 20}
	for i, a := range burst(l, 3, 3000) {
		if a.at != want[i]*1e6 {
			t.Errorf("large packet %d arrives at %d ms, want %d", i, a.at/1e6, want[i])
		}
	}
	// What nobody uses is gone.
	l = newLab(t, nil, "rate trace 2ms,5ms,10ms", "")
	l.send(0, 0, make([]byte, 100))
	l.pass(36 * time.Millisecond)
	l.send(0, 1, make([]byte, 1500))
	l.pass(time.Hour)
	if at := l.out[0][1].at; at != 40e6 {
		t.Errorf("after a pause a packet arrives at %d ms, want 40", at/1e6)
	}
}

// congest sends at twice the rate of a line for a while, then little, and
// returns the sojourn times in the queue by the time of departure.
func congest(t *testing.T, text string, seconds int) (l *lab, sojourn []float64) {
	t.Helper()
	l = newLab(t, nil, text, "")
	// 1000 bytes at 8 Mbit/s: a millisecond each; one is sent every half.
	for i := range seconds * 2000 {
		b := packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, 980))
		b[1] = 2 // ECN-capable
		setWord(b, 0, 0x4502)
		b[10], b[11] = 0, 0
		l.send(0, i, b)
		l.pass(500 * time.Microsecond)
	}
	l.pass(time.Hour)
	l.balance()
	for _, a := range l.out[0] {
		sent := int64(a.meta) * 500e3
		sojourn = append(sojourn, float64(a.at-sent)/1e6)
	}
	return l, sojourn
}

// codelModel is RFC 8289, section 5, over packets that come every half
// millisecond and take one to send, as the pseudocode has it: an oracle
// without the state between packets that the stage needs. It returns the
// numbers of the packets that are dropped.
func codelModel(packets int, limit int) (dropped []int) {
	const target, interval, size, maxpacket = 5e6, 100e6, 1000, 1500
	type packet struct {
		n  int
		at float64
	}
	var queue []packet
	next := 0
	var firstAbove, dropNext float64
	var count, last int
	dropping := false
	arrive := func(now float64) {
		for next < packets && float64(next)*500e3 <= now {
			if len(queue) < limit {
				queue = append(queue, packet{next, float64(next) * 500e3})
			}
			next++
		}
	}
	control := func(t float64) float64 { return math.Trunc(t + interval/math.Sqrt(float64(count))) }
	dodequeue := func(now float64) (p *packet, ok bool) {
		if len(queue) == 0 {
			firstAbove = 0
			return nil, false
		}
		h := queue[0]
		queue = queue[1:]
		if now-h.at < target || len(queue)*size <= maxpacket {
			firstAbove = 0
		} else if firstAbove == 0 {
			firstAbove = now + interval
		} else if now >= firstAbove {
			ok = true
		}
		return &h, ok
	}
	now := 0.0
	for {
		arrive(now)
		if len(queue) == 0 {
			if next >= packets {
				return dropped
			}
			now = float64(next) * 500e3
			continue
		}
		p, ok := dodequeue(now)
		if dropping {
			if !ok {
				dropping = false
			}
			for now >= dropNext && dropping {
				dropped = append(dropped, p.n)
				count++
				if p, ok = dodequeue(now); !ok {
					dropping = false
				} else {
					dropNext = control(dropNext)
				}
			}
		} else if ok {
			dropped = append(dropped, p.n)
			p, _ = dodequeue(now)
			dropping = true
			delta := count - last
			count = 1
			if delta > 1 && now-dropNext < 16*interval {
				count = delta
			}
			dropNext = control(now)
			last = count
		}
		if p != nil {
			now += 1e6
		}
	}
}

func TestCoDelDropsWhatThePseudocodeDrops(t *testing.T) {
	l, _ := congest(t, "rate 8mbit limit 10000p codel", 4)
	want := codelModel(8000, 10000)
	if len(want) < 100 {
		t.Fatalf("the model drops only %d", len(want))
	}
	arrivedNow := map[int]bool{}
	for _, a := range l.out[0] {
		arrivedNow[a.meta] = true
	}
	gone := map[int]bool{}
	for _, n := range want {
		gone[n] = true
	}
	for i := range 8000 {
		if arrivedNow[i] == gone[i] {
			t.Fatalf("packet %d arrived: %v; the model drops %d packets, here %d were", i, arrivedNow[i], len(want), 8000-len(l.out[0]))
		}
	}
}

func TestCoDelMarksInsteadOfDropping(t *testing.T) {
	l, _ := congest(t, "rate 8mbit limit 10000p codel ecn", 2)
	marked := 0
	for _, a := range l.out[0] {
		if ecn(a.data) == ecnCE {
			marked++
		}
	}
	s := l.pipes[0].Stats()
	if marked < 20 || uint64(marked) != s.Marked || s.QueueDropped != 0 || len(l.out[0]) != 4000 {
		t.Errorf("%d packets of %d are marked, counted is %+v", marked, len(l.out[0]), s)
	}
}

// TestCoDelKeepsTheDelayLow: a flow that answers drops by halving its rate, and
// otherwise grows, sees a queue near the target, where drop-tail fills it.
func TestCoDelKeepsTheDelayLow(t *testing.T) {
	mean := func(text string) float64 {
		l := newLab(t, nil, text, "")
		gap := 900 * time.Microsecond
		var drops uint64
		for i := range 20000 {
			b := make([]byte, 1000)
			b[0] = 0x45
			l.send(0, i, b)
			l.pass(gap)
			if s := l.pipes[0].Stats(); s.QueueDropped > drops {
				drops = s.QueueDropped
				gap = min(2*gap, 4*time.Millisecond)
			} else {
				gap -= gap / 400
			}
		}
		var inQueue uint64
		s := l.pipes[0].Stats()
		inQueue = s.InFlight
		l.pass(time.Hour)
		return float64(inQueue)
	}
	managed, tail := mean("rate 8mbit limit 1000p codel"), mean("rate 8mbit limit 1000p")
	if managed > 100 || tail < 300 {
		t.Errorf("%v packets wait with CoDel, %v without", managed, tail)
	}
}
