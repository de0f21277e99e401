// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"protean/proto/wire"
	"protean/transport"
)

// A line is an event's text taken apart.
type line struct {
	at, way, number, fate string
	data                  string // hexadecimal digits
}

func parseLine(s string) (l line) {
	head, rest, _ := strings.Cut(s, " | ")
	_, l.data, _ = strings.Cut(rest, " | ")
	w := strings.Fields(head)
	if len(w) < 6 {
		return l
	}
	l.at, l.way, l.number, l.fate = w[0], strings.Join(w[1:4], " "), w[4], strings.Join(w[5:], " ")
	return l
}

// cause says what a difference between two runs probably comes from. x and y
// are the events of both, from the first that differs.
func cause(x, y []string) string {
	switch {
	case len(x) == 0 || len(y) == 0:
		return "one run ends before the other: the test does not wait for what it waits for in virtual time, " +
			"but for goroutines, or for something outside, such as a real file descriptor"
	case soon(x[0], y) || soon(y[0], x):
		return "the same things happen at one instant, in another order: Go timers that are due at the same instant " +
			"go off in random order (let them begin at different instants), or goroutines send that have not waited for each other"
	}
	a, b := parseLine(x[0]), parseLine(y[0])
	switch {
	case a.way == b.way && a.number == b.number && a.data != b.data && samePayloads(x, y):
		return "the same payloads are sent in another order: the order of a map's elements, most likely"
	case a.way == b.way && a.number == b.number && a.data != b.data:
		return "the packets differ " + bytesCause(a.data, b.data)
	case a.at == b.at:
		return "at the same instant something else happens: the order of a map's elements, or of what a select had ready, " +
			"or Go timers that are due at the same instant"
	case a.data == b.data && a.way == b.way:
		return "the same packet comes at another time: a delay from a package-level random source, time taken from the " +
			"system's clock, or a wait for something outside, such as a real file descriptor"
	}
	return "the program went another way before: a package-level random source, or the order of a map's elements"
}

// soon reports whether the event comes among those at the same instant.
func soon(s string, in []string) bool {
	at := parseLine(s).at
	for _, o := range in {
		if parseLine(o).at != at {
			return false
		}
		if o == s {
			return true
		}
	}
	return false
}

// samePayloads reports whether what is sent on the way of the first events, at
// their instant, is the same in both, in another order.
func samePayloads(x, y []string) bool {
	a, b := payloadsSent(x), payloadsSent(y)
	return len(a) > 1 && !slices.Equal(a, b) && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func payloadsSent(events []string) (payloads []string) {
	first := parseLine(events[0])
	for _, e := range events {
		l := parseLine(e)
		if l.at != first.at {
			break
		}
		if b, err := hex.DecodeString(l.data); err == nil && l.way == first.way && l.fate == "sent" {
			var p transport.Packet
			if p.Load(b, transport.Arrival{}) == wire.NotMalformed {
				payloads = append(payloads, string(p.Payload()))
			}
		}
	}
	return payloads
}

// bytesCause says how two packets differ.
func bytesCause(a, b string) string {
	x, errX := hex.DecodeString(a)
	y, errY := hex.DecodeString(b)
	if errX != nil || errY != nil || len(x) != len(y) {
		return "in length: the order of a map's elements, or a package-level random source"
	}
	from, to := -1, 0
	for i := range x {
		if x[i] != y[i] {
			if from < 0 {
				from = i
			}
			to = i
		}
	}
	where := fmt.Sprintf("in bytes %d to %d", from, to)
	p, q := slices.Sorted(slices.Values(x[from:to+1])), slices.Sorted(slices.Values(y[from:to+1]))
	if slices.Equal(p, q) && to > from {
		return where + ", which are the same bytes in another order: the order of a map's elements, most likely"
	}
	return where + ": a random source of a package (math/rand without a seed, crypto/rand), time of the system's clock, " +
		"or an address in memory"
}
