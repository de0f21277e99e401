// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package pace

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// drive has a loop wait n times, with packets coming at a constant rate, each
// as many as have come in d.
func drive(p *Pacer, now *time.Duration, got *uint64, n int, d time.Duration, perSecond uint64) (naps int) {
	for range n {
		*now += d
		*got += perSecond * uint64(d) / uint64(time.Second)
		if p.Next(*now, *got) {
			naps++
		}
	}
	return naps
}

func TestALoopNapsOnlyAtHighRates(t *testing.T) {
	for _, c := range []struct {
		perSecond uint64
		naps      bool
	}{{0, false}, {1_000, false}, {50_000, false}, {99_000, false}, {101_000, true}, {1_000_000, true}} {
		var p Pacer
		now, got := time.Hour, uint64(0)
		drive(&p, &now, &got, window, time.Millisecond, c.perSecond) // the first window has no start
		if naps := drive(&p, &now, &got, 10*window, time.Millisecond, c.perSecond); (naps == 10*window) != c.naps || !c.naps && naps != 0 {
			t.Errorf("%d packets per second: %d naps in %d waits", c.perSecond, naps, 10*window)
		}
	}
}

// One packet per wait and answer, as fast as a round trip takes, is not a high
// rate: a nap would multiply its latency.
func TestQuestionAndAnswerDoNotMakeALoopNap(t *testing.T) {
	var p Pacer
	now, got := time.Hour, uint64(0)
	for range 1000 {
		now += 12 * time.Microsecond
		got++
		if p.Next(now, got) {
			t.Fatal("a nap")
		}
	}
}

// nap is how long a nap takes, of which the kernel makes more.
const nap = 75 * time.Microsecond

// TestFastQuestionsAndAnswersDoNotMakeALoopNap has round trips of less than 10 µs,
// with one question on its way, or a few: more than Busy packets per second, as long
// as each is answered at once.
func TestFastQuestionsAndAnswersDoNotMakeALoopNap(t *testing.T) {
	for _, questions := range []uint64{1, 2, 5} {
		var p Pacer
		now, got, naps := time.Hour, uint64(0), 0
		const waits = 2000
		for range waits {
			got += questions
			if p.Next(now, got) {
				naps++
				now += nap
			}
			now += 5 * time.Microsecond
		}
		// Of 2000 answers to one who asks, less than 1 % are late: where one question is
		// on its way, one nap tells.
		most := len(pauses)
		if questions > 1 {
			most *= doubts
		}
		if naps == 0 || naps > most {
			t.Errorf("%d questions at a time: %d naps in %d waits", questions, naps, waits)
		}
	}
}

// receive has a loop take packets that come at these intervals, as loops over sockets do,
// and returns how many of its waits were while it made a pause of naps.
func receive(p *Pacer, interval func(i int) time.Duration, packets int) (naps, pausing, waits int) {
	now := time.Hour
	next, got := now, 0 // when the next packet comes, and how many came
	came := func() (n int) {
		for next <= now && got < packets {
			next += interval(got)
			got++
			n++
		}
		return n
	}
	for got < packets {
		n := came()
		now += 800*time.Nanosecond + time.Duration(n)*600*time.Nanosecond
		waits++
		if p.wary > 0 {
			pausing++
		}
		if p.Next(now, uint64(got)) {
			naps++
			now += nap
			if next <= now {
				continue
			}
			p.Idle()
		}
		now = max(now, next)
	}
	return naps, pausing, waits
}

func TestIrregularPacketsDoNotEndNaps(t *testing.T) {
	const packets = 200_000
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(what string, interval func(int) time.Duration) {
		t.Helper()
		var p Pacer
		naps, pausing, waits := receive(&p, interval, packets)
		if naps == 0 || pausing > waits/10 {
			t.Errorf("%s: %d naps, and pauses during %d of %d waits", what, naps, pausing, waits)
		}
	}
	for _, perSecond := range []float64{105_000, 120_000, 150_000, 300_000, 1_000_000} {
		check(fmt.Sprintf("%.0f packets per second at random", perSecond), func(int) time.Duration {
			return time.Duration(rng.ExpFloat64() * 1e9 / perSecond)
		})
	}
	for _, apart := range []time.Duration{500, 1000, 1300, 1600, 2000, 3000, 4000} {
		for _, jitter := range []int64{0, 300} {
			check(fmt.Sprintf("bursts of 64, %v apart, or up to %d ns more", apart, jitter), func(i int) time.Duration {
				if i%64 == 63 {
					return 320*time.Microsecond - 63*apart
				}
				return apart + time.Duration(rng.Int64N(jitter+1))
			})
		}
	}
}

func TestAStreamMakesALoopNapAgainAfterQuestionsAndAnswers(t *testing.T) {
	for _, perSecond := range []uint64{110_000, 300_000, 2_000_000} {
		var p Pacer
		now, got := time.Hour, uint64(0)
		for range 500_000 {
			got++
			if p.Next(now, got) {
				now += nap
			}
			now += 5 * time.Microsecond
		}
		start, before := now, got
		var first time.Duration
		naps, waits := 0, 0
		for now-start < time.Second {
			if p.Next(now, got) {
				if naps++; naps == 1 {
					first = now - start
				}
				now += nap
			}
			if now += 5 * time.Microsecond; first != 0 {
				waits++
			}
			got = before + uint64(now-start)*perSecond/uint64(time.Second)
		}
		if first == 0 || first > 100*time.Millisecond || naps < waits*9/10 {
			t.Errorf("%d packets per second: the first nap after %v, then %d in %d waits", perSecond, first, naps, waits)
		}
	}
}

// TestPausesAreShortAgain has naps that are no use after others that were, and after a
// long time without packets.
func TestPausesAreShortAgain(t *testing.T) {
	for _, c := range []struct {
		useful, long bool
		naps         int // in what three of the shortest pauses take
	}{{false, true, 2}, {true, false, doubts + 1}, {true, true, 2}} {
		var p Pacer
		now, got := time.Hour, uint64(0)
		ask := func(n int) (naps int) {
			for range n {
				got++
				if p.Next(now, got) {
					naps++
					now += nap
				}
				now += 5 * time.Microsecond
			}
			return naps
		}
		ask(100_000)
		if n := ask(3 * pauses[0]); n > 1 {
			t.Fatalf("%d naps in %d waits after many pauses", n, 3*pauses[0])
		}
		if c.useful {
			drive(&p, &now, &got, 10_000, 80*time.Microsecond, 1_000_000)
		}
		if c.long {
			now += forgotten
		}
		if n := ask(3 * pauses[0]); n != c.naps {
			t.Errorf("%+v: %d naps", c, n)
		}
	}
}

func TestNapsThatSayNothingAreNoReasonForAPause(t *testing.T) {
	var p Pacer
	now, got := time.Hour, uint64(0)
	next := func(d time.Duration, packets uint64) {
		t.Helper()
		now += d
		got += packets
		if !p.Next(now, got) {
			t.Fatal("no nap")
		}
	}
	drive(&p, &now, &got, 2*window, time.Millisecond, 1_000_000)
	for range doubts {
		next(20*Prompt, 1) // more than a nap
	}
	drive(&p, &now, &got, 2*window, time.Millisecond, 1_000_000)
	next(nap, 1000)
	for range doubts - 1 {
		next(nap, 1)
	}
	p.Idle() // nothing comes at all
	next(nap, 1000)
	next(nap, 1)
	if p.wary != 0 {
		t.Error("a pause")
	}
}

func TestALoopStopsNappingWhenPacketsStop(t *testing.T) {
	var p Pacer
	now, got := time.Hour, uint64(0)
	drive(&p, &now, &got, 3*window, time.Millisecond, 1_000_000)
	if !p.Next(now, got) {
		t.Fatal("no nap at a million packets per second")
	}
	p.Idle()
	if naps := drive(&p, &now, &got, 5*window, time.Millisecond, 0); naps != 0 {
		t.Errorf("%d naps without packets", naps)
	}
}

// ask has a loop wait n times, with one packet in between, each time after d.
func ask(p *Pacer, now *time.Duration, got *uint64, n int, d time.Duration) {
	for range n {
		*now += d
		*got++
		p.Next(*now, *got)
	}
}

func TestPatienceIsForPacketsThatComeSoon(t *testing.T) {
	now, got := time.Hour, uint64(0)
	var p Pacer
	want := func(d time.Duration, after string) {
		t.Helper()
		if p.Bound() != d {
			t.Errorf("%v after %s, want %v", p.Bound(), after, d)
		}
	}
	want(Linger, "nothing")
	ask(&p, &now, &got, 10*Regular, Prompt)
	want(Linger, "packets that came too late each")
	ask(&p, &now, &got, Regular-1, Prompt/2)
	want(Linger, "too few")
	ask(&p, &now, &got, 1, Prompt/2)
	want(Patience, "enough of them")
	ask(&p, &now, &got, 10*Regular, Prompt/2)
	ask(&p, &now, &got, 1, 2*Prompt)
	want(Patience, "a late one among many")
	ask(&p, &now, &got, 1, 2*Prompt)
	want(Linger, "another late one")
	ask(&p, &now, &got, 10*Regular, Prompt/2)
	ask(&p, &now, &got, 1, 10*Prompt)
	want(Linger, "a pause")
	ask(&p, &now, &got, 10*Regular, Prompt/2)
	p.Next(now, got)
	want(Linger, "no packet")
}

func TestOthersGetToRun(t *testing.T) {
	for _, c := range []struct {
		alone, blocks bool
		after         time.Duration
		yields        bool
	}{
		{true, true, 0, true},
		{true, false, ShareAlone - 1, false},
		{true, false, ShareAlone, true},
		{false, true, Share - 1, false},
		{false, true, Share, true},
		{false, false, Share, true},
	} {
		now := time.Hour
		p := Pacer{alone: c.alone}
		if !p.Yield(now, true) {
			t.Error("no turn for others at first")
		}
		if got := p.Yield(now+c.after, c.blocks); got != c.yields {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
