// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"net/netip"
	"time"

	"protean/transport"
)

// EventKind says what an Event tells.
type EventKind uint8

// The kinds of events.
const (
	EventReply   EventKind = iota + 1 // an answer came
	EventWaiting                      // a request is unanswered, and the next one goes out
	EventError                        // a request could not be sent or delivered
)

// An Event is something that a Pinger has to tell about one request.
type Event struct {
	Kind EventKind
	Time time.Time // of the event, on the host's clock
	Seq  uint64    // number of the request, from 1; its low 16 bits are on the wire

	// From is who answered, or who reported an error; not valid for errors of
	// this host. A link-local address of IPv6 has its interface as its zone.
	From netip.Addr

	// Of a reply:

	Bytes      int           // length of the ICMP message
	TTL        uint8         // or hop limit, if TTLKnown
	TTLKnown   bool          //
	RTT        time.Duration // negative: not known, since the request is too old
	TimeSource transport.TimeSource

	Duplicate   bool // the request was answered before
	Late        bool // it came after the timeout
	Foreign     bool // it came from another address than was asked
	BadChecksum bool
	WrongLen    bool // not as much data as was sent
	WrongAt     int  // offset of the first data byte that is not as sent, if Want != Got
	Want, Got   byte

	// Err is what an EventError is about.
	Err transport.NetworkError
}

// Corrupted reports whether a reply is not what was sent.
func (e *Event) Corrupted() bool { return e.BadChecksum || e.WrongLen || e.Want != e.Got }
