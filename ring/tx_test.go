// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"encoding/binary"
	"errors"
	"slices"
	"syscall"
	"testing"
)

func newFakeTx(n, frame int) *txRing {
	r := new(txRing)
	r.init(aligned(n*frame), frame, frame, n, frame-txData, frame-txData)
	return r
}

// A fakeSender sends as the kernel does: strictly in order, up to the first
// frame that is not requested, or that it finds wrong.
type fakeSender struct {
	r     *txRing
	head  int
	out   int // frames sent that are not available yet
	wrong func(data string) bool
	sent  []string
}

func (s *fakeSender) kick() {
	for {
		b := s.r.at(s.head)
		if acquire(b, v2Status) != txRequest {
			return
		}
		data := string(b[txData:][:binary.NativeEndian.Uint32(b[v2Len:])])
		if s.wrong != nil && s.wrong(data) {
			release(b, v2Status, txWrongFormat)
			return
		}
		s.sent = append(s.sent, data)
		release(b, v2Status, txSending)
		s.head = s.r.after(s.head, 1)
		s.out++
	}
}

// complete makes all frames that were sent available but the last n.
func (s *fakeSender) complete(n int) {
	for ; s.out > n; s.out-- {
		release(s.r.at(s.r.before(s.head, s.out)), v2Status, txAvailable)
	}
}

// put requests frames, as many as there is room for.
func put(t *testing.T, r *txRing, frames ...string) (n int) {
	t.Helper()
	for _, f := range frames {
		i := r.lend()
		if i < 0 {
			break
		}
		request(t, r, i, f)
		n++
	}
	return n
}

func request(t *testing.T, r *txRing, i int, data string) {
	t.Helper()
	copy(r.data(i), data)
	if err := r.request(i, len(data)); err != nil {
		t.Fatal(err)
	}
	r.check(t)
}

func TestFramesAreNotUsedAgainBeforeTheyAreAvailable(t *testing.T) {
	r := newFakeTx(4, 256)
	s := &fakeSender{r: r}
	if n := put(t, r, "a", "b", "c", "d", "e"); n != 4 {
		t.Fatalf("%d frames fitted, want 4", n)
	}
	s.kick()
	if r.lend() >= 0 {
		t.Fatal("a frame that is being sent was handed out")
	}
	s.complete(2) // a and b
	if n := put(t, r, "e", "f", "g"); n != 2 {
		t.Fatalf("%d frames fitted, want 2", n)
	}
	s.kick()
	s.complete(0)
	if r.underWay() != 0 || r.done != 6 || !slices.Equal(s.sent, []string{"a", "b", "c", "d", "e", "f"}) {
		t.Errorf("%d under way, %d done, sent %q", r.underWay(), r.done, s.sent)
	}
}

func TestAWrongFrameIsTakenOutAndTheOthersGoOn(t *testing.T) {
	for _, frames := range [][]string{
		{"a", "BAD", "c", "d"}, {"BAD", "b", "c"}, {"a", "b", "BAD"}, {"BAD"}, {"BAD", "BAD", "c", "BAD"},
	} {
		r := newFakeTx(8, 256)
		s := &fakeSender{r: r, wrong: func(d string) bool { return d == "BAD" }}
		for range 5 { // with the ring's end in different places
			var want []string
			for _, f := range frames {
				if f != "BAD" {
					want = append(want, f)
				}
			}
			s.sent = nil
			put(t, r, frames...)
			for s.kick(); r.rescue(); s.kick() {
			}
			if !slices.Equal(s.sent, want) {
				t.Fatalf("of %q sent %q", frames, s.sent)
			}
			s.complete(0)
			if r.underWay() != 0 {
				t.Fatalf("of %q %d still under way", frames, r.underWay())
			}
		}
		if bad := 5 * (len(frames) - len(s.sent)); int(r.refused) != bad || int(r.done) != 5*len(s.sent) {
			t.Errorf("%q: %d refused, %d done", frames, r.refused, r.done)
		}
	}
}

func TestAFrameThatDoesNotFitIsRefusedBeforeItIsQueued(t *testing.T) {
	r := newFakeTx(4, 256)
	r.max = 100
	i := r.lend()
	err := r.request(i, 101)
	var size *SizeError
	if !errors.As(err, &size) || size.Size != 101 || size.Max != 100 || !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("got %v", err)
	}
	if n := len(r.data(i)); n != 100 {
		t.Errorf("%d bytes handed out", n)
	}
	request(t, r, i, "fits") // it is still lent
}
