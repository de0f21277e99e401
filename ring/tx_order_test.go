// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func lend(t *testing.T, r *txRing, n int) (frames []int) {
	t.Helper()
	for range n {
		i := r.lend()
		if i < 0 {
			t.Fatalf("%d frames lent, and no more", len(frames))
		}
		frames = append(frames, i)
		r.check(t)
	}
	return frames
}

// wantSent has the kernel send, and checks what it has sent in all.
func wantSent(t *testing.T, s *fakeSender, want ...string) {
	t.Helper()
	for s.kick(); s.r.rescue(); s.kick() {
	}
	s.complete(0)
	s.r.check(t)
	if !slices.Equal(s.sent, want) {
		t.Fatalf("sent %q, want %q", s.sent, want)
	}
	if s.r.waiting() || s.r.underWay() != 0 {
		t.Fatalf("%d are under way", s.r.under)
	}
}

func TestWhatIsRequestedInOrderIsSentInPlace(t *testing.T) {
	r := newFakeTx(8, 256)
	s := &fakeSender{r: r}
	var want []string
	for round := range 10 { // with the ring's end in different places
		f := lend(t, r, 5)
		for i := range 3 {
			want = append(want, fmt.Sprint(round, i))
			request(t, r, f[i], want[len(want)-1])
		}
		r.free(f[3])
		r.free(f[4])
		wantSent(t, s, want...)
	}
	if r.copied != 0 || r.out != 0 {
		t.Errorf("%d copied, %d are out", r.copied, r.out)
	}
}

// What was given back unused leaves no gap: what is requested behind it moves
// there.
func TestAGapIsFilled(t *testing.T) {
	r := newFakeTx(8, 256)
	s := &fakeSender{r: r}
	f := lend(t, r, 5)
	r.free(f[0])
	r.free(f[2])
	request(t, r, f[1], "b")
	request(t, r, f[3], "d")
	request(t, r, f[4], "e")
	wantSent(t, s, "b", "d", "e")
	if r.copied != 3 || r.out != 0 {
		t.Errorf("%d copied, %d are out", r.copied, r.out)
	}
	f = lend(t, r, 8) // nothing is stranded
	request(t, r, f[0], "next")
	wantSent(t, s, "b", "d", "e", "next")
}

func TestALentFrameIsNotOvertaken(t *testing.T) {
	r := newFakeTx(8, 256)
	s := &fakeSender{r: r}
	f := lend(t, r, 3)
	if err := r.request(f[1], 1); !errors.Is(err, ErrOrder) {
		t.Errorf("the second before the first: %v", err)
	}
	request(t, r, f[0], "a")
	wantSent(t, s, "a")
	if err := r.request(f[2], 1); !errors.Is(err, ErrOrder) {
		t.Errorf("the third before the second: %v", err)
	}
	copy(r.data(f[2]), "c") // both are still their holders'
	request(t, r, f[1], "b")
	request(t, r, f[2], "c")
	wantSent(t, s, "a", "b", "c")
	if r.copied != 0 {
		t.Errorf("%d copied", r.copied)
	}
}

// Frames that are held for ever leave the others to be used.
func TestHeldFramesTakeNoOthersAway(t *testing.T) {
	r := newFakeTx(8, 256)
	s := &fakeSender{r: r}
	f := lend(t, r, 8)
	for _, i := range f[1:7] {
		r.free(i)
	}
	for range 20 {
		g := lend(t, r, 6)
		if r.lend() >= 0 {
			t.Fatal("a ninth frame of 8")
		}
		for _, i := range g {
			if i == f[0] || i == f[7] {
				t.Fatal("a frame was lent twice")
			}
			if err := r.request(i, 1); !errors.Is(err, ErrOrder) {
				t.Fatalf("request in front of a held frame: %v", err)
			}
			r.free(i)
		}
	}
	request(t, r, f[0], "first")
	request(t, r, f[7], "last")
	wantSent(t, s, "first", "last")
}

// A frame that the kernel finds wrong is taken out while others are lent, whose
// memory does not move.
func TestAWrongFrameIsTakenOutInFrontOfLentOnes(t *testing.T) {
	r := newFakeTx(8, 256)
	s := &fakeSender{r: r, wrong: func(d string) bool { return d == "BAD" }}
	f := lend(t, r, 5)
	request(t, r, f[0], "a")
	request(t, r, f[1], "BAD")
	request(t, r, f[2], "c")
	copy(r.data(f[3]), "d")
	wantSent(t, s, "a", "c")
	if r.refused != 1 || r.count != 2 || string(r.data(f[3])[:1]) != "d" {
		t.Errorf("%d refused, %d lent", r.refused, r.count)
	}
	request(t, r, f[3], "d")
	request(t, r, f[4], "e")
	wantSent(t, s, "a", "c", "d", "e")
}

// Whatever is lent, given back and requested, and in which order: what is sent is
// what was requested, as it was written, in that order.
func TestOrderIsThatOfRequests(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 16))
		r := newFakeTx(1+rnd.IntN(12), 256)
		s := &fakeSender{r: r, wrong: func(d string) bool { return d[0] == 'x' }}
		var want []string
		var held []int
		var bad uint64
		write := func(i, n int) string {
			d := fmt.Sprint("ok", n)
			if rnd.IntN(10) == 0 {
				d = fmt.Sprint("x", n)
			}
			copy(r.data(i), d)
			return d
		}
		for n := range 300 {
			switch op := rnd.IntN(8); {
			case op < 3:
				if i := r.lend(); i >= 0 {
					if slices.Contains(held, i) {
						t.Fatalf("seed %d: frame %d was lent twice", seed, i)
					}
					held = append(held, i)
				}
			case op < 6 && len(held) > 0:
				k := 0
				if rnd.IntN(4) == 0 {
					k = rnd.IntN(len(held))
				}
				d := write(held[k], n)
				err := r.request(held[k], len(d))
				if errors.Is(err, ErrOrder) {
					if !r.lent[r.head] {
						t.Fatalf("seed %d: not in order, and the frame whose turn it is is empty", seed)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if held = slices.Delete(held, k, k+1); d[0] == 'x' {
					bad++
				} else {
					want = append(want, d)
				}
			case op == 6 && len(held) > 0:
				k := rnd.IntN(len(held))
				r.free(held[k])
				held = slices.Delete(held, k, k+1)
			default:
				for s.kick(); r.rescue(); s.kick() {
				}
				s.complete(rnd.IntN(3))
			}
			r.check(t)
		}
		for _, i := range held {
			r.free(i)
		}
		wantSent(t, s, want...)
		if r.refused != bad || int(r.done) != len(want) {
			t.Fatalf("seed %d: %d refused, want %d; %d done, want %d", seed, r.refused, bad, r.done, len(want))
		}
		if lend(t, r, r.n); r.lend() >= 0 {
			t.Fatalf("seed %d: more frames than there are", seed)
		}
	}
}
