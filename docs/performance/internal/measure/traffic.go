// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package measure

import (
	"fmt"
	"strconv"
	"time"

	"protean/docs/performance/internal/lab"
)

// Sender and receiver each have a CPU.
const (
	SenderCPU   = "0"
	ReceiverCPU = "1"
)

// Programs are the files that are run.
type Programs struct {
	C     string // folder of the reference programs
	Peers string // has the workers of others: this program
	Ours  string // has ours
}

// A Command is a program with its arguments.
type Command struct {
	File string
	Args []string
}

// A Load is what the generator sends.
type Load struct {
	Size  int           // bytes of a frame
	Rate  int           // frames per second; 0: as fast as it can
	For   time.Duration // how long
	Flows int           // source addresses

	// Pieces is the number of fragments of a datagram, each in a frame of Size.
	Pieces int
}

// args are those of the generator.
func (load Load) args(l *lab.Lab) []string {
	return []string{lab.Interface, l.MACB.String(), flowBase, l.DstB.String(), strconv.Itoa(load.Size), strconv.Itoa(load.Rate),
		strconv.FormatInt(load.For.Milliseconds(), 10), strconv.Itoa(max(1, load.Flows)), strconv.Itoa(max(1, load.Pieces))}
}

type counted struct {
	Packets, Frames, Lost, Refused uint64
	Mallocs, GCs                   *uint64 // if it has a garbage collector
	NS                             int64
	P50, P90, P99, P999            float64
}

// heap adds what a program's garbage collector had to do for n packets.
func (c *counted) heap(s Sample, n, seconds float64) {
	if c.Mallocs == nil || c.GCs == nil {
		return
	}
	s[Allocs], s[Objects], s[GCs] = float64(*c.Mallocs)/n, float64(*c.Mallocs), float64(*c.GCs)/seconds
}

// Generate has the generator send a load, and returns when it is sent.
func Generate(l *lab.Lab, p Programs, load Load) error {
	_, err := generate(l, p, load)
	return err
}

func generate(l *lab.Lab, p Programs, load Load) (sent counted, err error) {
	g, err := Start(l.A, SenderCPU, p.C+"/gen", load.args(l)...)
	if err != nil {
		return sent, err
	}
	defer g.Discard()
	return sent, g.Wait(&sent)
}

// Receive measures a receiver.
func Receive(l *lab.Lab, p Programs, c Command, load Load) (Sample, error) {
	r, err := Start(l.B, ReceiverCPU, c.File, c.Args...)
	if err != nil {
		return nil, err
	}
	var got counted
	defer r.Discard()
	time.Sleep(100 * time.Millisecond)
	if err := r.Mark(); err != nil {
		return nil, err
	}
	time.Sleep(20 * time.Millisecond)
	before, err := r.CPU()
	if err != nil {
		return nil, err
	}
	sent, err := generate(l, p, load)
	if err != nil {
		return nil, err
	}
	time.Sleep(200 * time.Millisecond) // for what waits in buffers
	after, err := r.CPU()
	if err != nil {
		return nil, err
	}
	rss, err := r.Memory()
	if err != nil {
		return nil, err
	}
	if err := r.Stop(&got); err != nil {
		return nil, err
	}
	if got.Packets == 0 || sent.Packets == 0 {
		return nil, fmt.Errorf("%v: %d packets sent, none received", c, sent.Packets)
	}
	n, seconds := float64(got.Packets), float64(sent.NS)/1e9
	s := Sample{
		CPU: float64(after-before) / n, Rate: n / seconds / 1e3,
		Loss: 100 * (1 - n/float64(sent.Packets)), Sender: float64(sent.NS) / float64(sent.Packets),
		Memory: float64(rss) / (1 << 20), StartUp: float64(r.Took) / 1e6,
	}
	if load.Pieces > 0 {
		s[Piece] = s[CPU] / float64(load.Pieces)
	}
	got.heap(s, n, seconds)
	return s, nil
}

// flowBase is the first source address; it is not on the link, so that
// receivers never answer.
const flowBase = "10.99.0.1"

// Send measures a sender of datagrams of some pieces, by the frames that arrive at
// the other end's device.
func Send(l *lab.Lab, c Command, d time.Duration, pieces int) (Sample, error) {
	s, err := Start(l.A, SenderCPU, c.File, c.Args...)
	if err != nil {
		return nil, err
	}
	var sent counted
	defer s.Discard()
	time.Sleep(200 * time.Millisecond)
	if err := s.Mark(); err != nil {
		return nil, err
	}
	first, err := l.Arrived()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	before, err := s.CPU()
	if err != nil {
		return nil, err
	}
	time.Sleep(d)
	last, err := l.Arrived()
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	after, err := s.CPU()
	if err != nil {
		return nil, err
	}
	if err := s.Stop(&sent); err != nil {
		return nil, err
	}
	n := float64(last-first) / float64(max(1, pieces))
	if n == 0 {
		return nil, fmt.Errorf("%v: nothing arrived", c)
	}
	out := Sample{CPU: float64(after-before) / n, Rate: n / took.Seconds() / 1e3}
	if pieces > 0 {
		out[Piece] = out[CPU] / float64(pieces)
	}
	sent.heap(out, n, took.Seconds())
	return out, nil
}

// Echo measures a responder by round trips of a client that does nothing else.
// cpu is the responder's; the client has the sender's.
func Echo(l *lab.Lab, p Programs, c Command, cpu string, count int) (Sample, error) {
	r, err := Start(l.B, cpu, c.File, c.Args...)
	if err != nil {
		return nil, err
	}
	var got, rtt counted
	defer r.Discard()
	time.Sleep(100 * time.Millisecond)
	before, err := r.CPU()
	if err != nil {
		return nil, err
	}
	g, err := Start(l.A, SenderCPU, p.C+"/rtt", l.DstB.String(), strconv.Itoa(count))
	if err != nil {
		return nil, err
	}
	defer g.Discard()
	if err := g.Wait(&rtt); err != nil {
		return nil, err
	}
	after, err := r.CPU()
	if err != nil {
		return nil, err
	}
	if err := r.Stop(&got); err != nil {
		return nil, err
	}
	if got.Packets == 0 {
		return nil, fmt.Errorf("%v: no echo", c)
	}
	return Sample{
		P50: rtt.P50, P90: rtt.P90, P99: rtt.P99, P999: rtt.P999,
		Loss:    100 * float64(rtt.Lost) / float64(count),
		PerEcho: float64(after-before) / float64(got.Packets) / 1e3,
	}, nil
}
