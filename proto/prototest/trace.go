// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"bufio"
	"bytes"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"strings"
	"sync"
	"time"

	"protean/transport"
	"protean/transport/sim"
)

// An Event is one thing that happened to one packet.
type Event struct {
	At       time.Duration // since the trace began
	From, To string        // interfaces, such as "a:eth0"
	Node     string        // where it happened, if not on the link
	Number   uint64        // of the packet, counted per link and direction
	Copy     bool          // it is the copy that duplication made
	Fate     sim.Fate
	Data     []byte // from the IP header on
}

// String returns the event as a line of a trace's text: the time in seconds,
// the way, the packet's number with "+" if it is a copy, its fate, its
// addresses, protocol and length, and all its bytes in hexadecimal digits.
func (e *Event) String() string {
	copied := ""
	if e.Copy {
		copied = "+"
	}
	var p transport.Packet
	head := "malformed"
	if p.Load(e.Data, transport.Arrival{}) == 0 {
		head = fmt.Sprintf("%v > %v: %d, %d bytes", p.Src(), p.Dst(), p.Protocol(), len(p.Payload()))
	}
	number := fmt.Sprintf("#%d%s", e.Number, copied)
	if e.Node != "" {
		number = "@" + e.Node
	}
	return fmt.Sprintf("%d.%09d %s > %s %s %s | %s | %x",
		e.At/time.Second, e.At%time.Second, e.From, e.To, number, e.Fate, head, e.Data)
}

func portName(p *sim.Port) string {
	if p == nil {
		return "-"
	}
	return p.String()
}

// A Trace keeps what happens to the packets of a network, in the order in
// which it happens.
type Trace struct {
	mu     sync.Mutex
	start  time.Time
	events []Event
	keep   bool
	sum    hash.Hash64
	n      int
	out    *bufio.Writer // takes the text as well, if not nil
	stop   func()
}

// Capture returns a trace of what happens from now on.
func Capture(n *sim.Network) *Trace {
	t := &Trace{keep: true}
	t.attach(n)
	return t
}

func (t *Trace) attach(n *sim.Network) {
	t.sum = fnv.New64a()
	t.start = n.Now()
	t.stop = n.Tap(t.add)
}

func (t *Trace) add(tr sim.Trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := Event{
		At: tr.Time.Sub(t.start), From: portName(tr.From), To: portName(tr.To), Node: tr.Node,
		Number: tr.Number, Copy: tr.Copy, Fate: tr.Fate, Data: tr.Data,
	}
	t.n++
	line := e.String()
	io.WriteString(t.sum, line)
	if t.out != nil {
		t.out.WriteString(line)
		t.out.WriteByte('\n')
	}
	if t.keep {
		e.Data = bytes.Clone(e.Data)
		t.events = append(t.events, e)
	}
}

// Stop ends the trace.
func (t *Trace) Stop() { t.stop() }

// Events returns what happened so far.
func (t *Trace) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]Event(nil), t.events...)
}

// Sum returns a hash of all events so far, with every byte of every packet and
// its time.
func (t *Trace) Sum() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sum.Sum64()
}

// String returns the events as text, one a line.
func (t *Trace) String() string {
	var b strings.Builder
	for _, e := range t.Events() {
		b.WriteString(e.String())
		b.WriteByte('\n')
	}
	return b.String()
}
