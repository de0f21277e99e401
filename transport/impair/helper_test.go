// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"encoding/binary"
	"math"
	"net/netip"
	"testing"
	"time"

	"protean/proto/checksum"
	"protean/proto/wire"
)

// A lab is a link whose packets are of int, and what came out of it.
type lab struct {
	tb    testing.TB
	seq   uint64
	now   int64
	pipes [2]*Pipe[int]
	out   [2][]arrived
	notes []Fate
	held  int // buffers in use
}

type arrived struct {
	at   int64
	meta int
	copy uint16
	data []byte
}

// side is a lab as the carrier of one of its pipes.
type side struct {
	*lab
	i int
}

func (s side) Get(n int) []byte { s.held++; return make([]byte, n) }
func (s side) Put([]byte)       { s.held-- }
func (s side) Arrive(p *Packet[int]) {
	s.held--
	s.out[s.i] = append(s.out[s.i], arrived{p.Time, p.Meta, p.Copy, p.Data})
}
func (s side) Note(f Fate, p *Packet[int]) { s.notes = append(s.notes, f) }

// newLab compiles two pipelines from text.
func newLab(tb testing.TB, link *Link, forth, back string) *lab {
	tb.Helper()
	l := &lab{tb: tb}
	var p [2]Pipeline
	for i, text := range []string{forth, back} {
		var err error
		if p[i], err = Parse(text); err != nil {
			tb.Fatal(err)
		}
	}
	if link == nil {
		link = &Link{Name: "l", Seed: 1}
	}
	f, b, err := link.Compile(p[0], p[1])
	if err != nil {
		tb.Fatal(err)
	}
	l.pipes = [2]*Pipe[int]{NewPipe[int](side{l, 0}, f, &l.seq), NewPipe[int](side{l, 1}, b, &l.seq)}
	return l
}

// send puts a packet in at the present time.
func (l *lab) send(i, meta int, data []byte) {
	p := l.pipes[i]
	p.Push(p.Offer(len(data)), data, false, meta, l.now)
}

// pass lets time pass.
func (l *lab) pass(d time.Duration) {
	until := l.now + int64(d)
	for {
		var first *Pipe[int]
		var at int64
		var seq uint64
		for _, p := range l.pipes {
			if a, s, ok := p.Next(); ok && a <= until && (first == nil || a < at || a == at && s < seq) {
				first, at, seq = p, a, s
			}
		}
		if first == nil {
			break
		}
		if at < l.now {
			l.tb.Fatalf("something is due at %d, before the present, %d", at, l.now)
		}
		l.now = at
		first.Fire()
	}
	l.now = until
}

// balance checks that everything is accounted for when nothing is under way.
func (l *lab) balance() {
	l.tb.Helper()
	for i, p := range l.pipes {
		s := p.Stats()
		if s.Offered != s.Delivered+s.Lost+s.QueueDropped+s.TooBig+s.Filtered+s.Cleared+s.InFlight || s.InFlight != 0 {
			l.tb.Errorf("pipe %d: the counters do not add up: %+v", i, s)
		}
	}
	if l.held != 0 {
		l.tb.Errorf("%d buffers are not given back", l.held)
	}
}

// stream sends n packets of 100 bytes through the first pipe, one per gap, each
// with its number and the time of sending, and returns what came out, with the
// delays, and the present set to the end.
func (l *lab) stream(n int, gap time.Duration) []arrived {
	l.tb.Helper()
	begin := len(l.out[0])
	for i := range n {
		b := packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, 80))
		binary.BigEndian.PutUint64(b[20:], uint64(l.now))
		l.send(0, i, b)
		l.pass(gap)
	}
	l.pass(24 * time.Hour)
	l.balance()
	return l.out[0][begin:]
}

// took is the delay of a packet of a stream.
func (a *arrived) took() time.Duration {
	return time.Duration(a.at - int64(binary.BigEndian.Uint64(a.data[20:])))
}

// packet4 returns an IPv4 packet.
func packet4(src, dst string, protocol uint8, payload []byte) []byte {
	b := make([]byte, 20+len(payload))
	f := wire.IPv4Fields{
		TTL: 64, Protocol: protocol, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), PayloadLen: len(payload),
	}
	copy(b[20:], payload)
	if err := f.Marshal(b); err != nil {
		panic(err)
	}
	return b
}

// packet6 returns an IPv6 packet.
func packet6(src, dst string, protocol uint8, payload []byte) []byte {
	b := make([]byte, 40+len(payload))
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[6], b[7] = protocol, 64
	s, d := netip.MustParseAddr(src).As16(), netip.MustParseAddr(dst).As16()
	copy(b[8:], s[:])
	copy(b[24:], d[:])
	copy(b[40:], payload)
	return b
}

// valid reports whether the IPv4 header checksum of b is right.
func valid(b []byte) bool { return checksum.Verify(b[:int(b[0]&15)*4]) }

// within fails if a count is more than five standard deviations of a binomial
// distribution away from its mean. With a fixed seed it either always or never
// is; over seeds, a right model would be 6e-7 of the time.
func within(t *testing.T, what string, got, n int, p float64) {
	t.Helper()
	want, dev := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	if math.Abs(float64(got)-want) > 5*dev {
		t.Errorf("%s: %d of %d, want %.1f ± %.1f", what, got, n, want, 5*dev)
	}
}

// fits fails unless samples have the distribution function f, by a chi-square
// test with 20 classes that are equally likely: quantile is the inverse of f.
// With 19 degrees of freedom, 43.8 is exceeded once in a thousand (NIST
// handbook, table 1.3.6.7.4); with a fixed seed it either always or never is.
func fits(t *testing.T, what string, samples []float64, cdf func(float64) float64) {
	t.Helper()
	const classes = 20
	var hist [classes]int
	for _, x := range samples {
		hist[min(classes-1, max(0, int(cdf(x)*classes)))]++
	}
	want := float64(len(samples)) / classes
	var chi2 float64
	for _, c := range hist {
		chi2 += (float64(c) - want) * (float64(c) - want) / want
	}
	if chi2 > 43.8 {
		t.Errorf("%s: chi-square is %.1f, want at most 43.8: %v", what, chi2, hist)
	}
}
