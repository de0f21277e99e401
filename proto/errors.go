// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"errors"

	"protean/transport"
)

// Errors that a caller acts on.
var (
	// ErrProtocolInUse: another handler is bound to the protocol, and neither is one
	// of them Observe or Last, nor are both Shared.
	ErrProtocolInUse = errors.New("proto: protocol in use")

	// ErrOnLoop: a call that waits for the loop was made on the loop, from
	// within a callback, where it would wait for itself.
	ErrOnLoop = errors.New("proto: called on the loop, from within a callback")

	// ErrNotOnLoop: an Env or a Timer was used outside its callback.
	ErrNotOnLoop = errors.New("proto: used outside the loop")

	// ErrSlotOpen: a slot was asked for while the previous one is neither
	// committed nor discarded.
	ErrSlotOpen = errors.New("proto: another slot is open")

	// ErrSlotDone: a slot was used after its Commit or Discard.
	ErrSlotDone = errors.New("proto: the slot was committed or discarded")

	// ErrNeedInterface: a multicast, broadcast or link-local destination needs
	// an interface, in Header.IfIndex or as the zone of Header.Dst.
	ErrNeedInterface = errors.New("proto: the destination needs an interface")

	// ErrRunning: Run or Poll was called while Run or Poll runs.
	ErrRunning = errors.New("proto: the host is running already")

	// ErrNoSlots: there is no room to send now; see Env.OnRoom.
	ErrNoSlots = transport.ErrNoSlots

	// ErrStepped: the call would block, but the host is driven by Poll.
	ErrStepped = transport.ErrStepped
)

var errTruncated = errors.New("proto: the packet was cut off when it was captured")

// A HeaderError says which field of a Header cannot be sent.
type HeaderError struct {
	Field  string // such as "Dst"
	Reason string // a clause: "is not valid"
}

func (e *HeaderError) Error() string { return "proto: header field " + e.Field + " " + e.Reason }
