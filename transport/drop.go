// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

import "protean/proto/wire"

// NumMalformed is the number of reasons for which a header is refused; the
// index into [Stats].Malformed is a [wire.Malformed].
const NumMalformed = wire.NumMalformed

// A DropReason says why a packet was dropped. It is an error, so that a
// handler can return it. Every drop is counted under one reason.
type DropReason uint8

// The reasons.
const (
	DropNone           DropReason = iota
	Malformed                     // a header is truncated, lies or has a wrong checksum
	BadChecksum                   // a checksum of the payload is wrong
	NoHandler                     // nobody is bound to the protocol, or everybody passed
	HandlerError                  // a handler returned an error
	HandlerPanic                  // a handler panicked
	NotLocal                      // not to an address of this host
	Filtered                      // a handler's options exclude it (interface, minimum TTL)
	Duplicate                     // seen before
	QueueFull                     // a bounded queue above or below had no room
	FragmentUnexpected            // a fragment where nobody reassembles
	FragmentTimeout               // its datagram did not become complete in time
	FragmentOverlap               // it overlaps another fragment of its datagram
	FragmentLimit                 // reassembly memory or counts exhausted
	FragmentMalformed             // its offset or length is impossible
	NoSlots                       // no room to send
	TooBig                        // larger than the path or the transport carries
	NoRoute                       // no way to the destination
	LinkDown                      // the interface is down or gone
	SendFailed                    // the kernel refused it for another reason
	Closed                        // its binding, connection or transport was closed
	LinkLoss                      // lost on a simulated link
	TTLExceeded                   // its TTL or hop limit ran out
	NumDropReasons     = iota
)

var dropNames = [NumDropReasons]string{
	"not dropped", "malformed", "bad checksum", "no handler", "handler error",
	"handler panic", "not local", "filtered", "duplicate", "queue full",
	"unexpected fragment", "fragment timeout", "fragment overlap",
	"fragment limit", "malformed fragment", "no slots", "too big", "no route",
	"link down", "send failed", "closed", "lost on the link", "TTL exceeded",
}

// String returns the reason in words.
func (r DropReason) String() string {
	if int(r) < len(dropNames) {
		return dropNames[r]
	}
	return "unknown drop reason"
}

// Error makes a DropReason an error.
func (r DropReason) Error() string { return "dropped: " + r.String() }
