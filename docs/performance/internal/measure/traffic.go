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
	senderCPU   = 0
	receiverCPU = 1
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
}

type counted struct {
	Packets, Lost, Refused, Mallocs, GCs uint64
	NS                                   int64
	P50, P90, P99, P999                  float64
}

// Receive measures a receiver.
func Receive(l *lab.Lab, p Programs, c Command, load Load) (Sample, error) {
	r, err := Start(l.B, receiverCPU, c.File, c.Args...)
	if err != nil {
		return nil, err
	}
	var got, sent counted
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
	g, err := Start(l.A, senderCPU, p.C+"/gen", lab.Interface, l.MACB.String(), flowBase, l.DstB.String(),
		strconv.Itoa(load.Size), strconv.Itoa(load.Rate), strconv.FormatInt(load.For.Milliseconds(), 10), strconv.Itoa(max(1, load.Flows)))
	if err != nil {
		return nil, err
	}
	defer g.Discard()
	if err := g.Wait(&sent); err != nil {
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
	return Sample{
		CPU: float64(after-before) / n, Rate: n / seconds / 1e3,
		Loss: 100 * (1 - n/float64(sent.Packets)), Sender: float64(sent.NS) / float64(sent.Packets),
		Allocs: float64(got.Mallocs) / n, GCs: float64(got.GCs) / seconds,
		Memory: float64(rss) / (1 << 20), StartUp: float64(r.Took) / 1e6,
	}, nil
}

// flowBase is the first source address; it is not on the link, so that
// receivers never answer.
const flowBase = "10.99.0.1"

// Send measures a sender, by what arrives at the other end's device.
func Send(l *lab.Lab, c Command, d time.Duration) (Sample, error) {
	s, err := Start(l.A, senderCPU, c.File, c.Args...)
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
	n := float64(last - first)
	if n == 0 {
		return nil, fmt.Errorf("%v: nothing arrived", c)
	}
	return Sample{
		CPU: float64(after-before) / n, Rate: n / took.Seconds() / 1e3,
		Allocs: float64(sent.Mallocs) / n, GCs: float64(sent.GCs) / took.Seconds(),
	}, nil
}

// Echo measures a responder by round trips of a client that does nothing else.
// cpu is the responder's; the client has the sender's.
func Echo(l *lab.Lab, p Programs, c Command, cpu, count int) (Sample, error) {
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
	g, err := Start(l.A, senderCPU, p.C+"/rtt", l.DstB.String(), strconv.Itoa(count))
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
