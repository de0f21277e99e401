// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"fmt"
	"net/netip"
	"time"
)

// A Code says how a transfer ended. All but Stored are errors.
type Code uint8

// The codes, as they are in CLOSE packets.
const (
	Stored    Code = iota // the file is there, and its SHA-256 is right
	Mismatch              // the SHA-256 of what arrived is another
	Refused               // the receiver does not want it
	Exists                // the receiver has a file of that name
	BadName               // the name is not one to store a file under
	TooLarge              // the file is larger than the receiver takes
	Busy                  // the receiver is in another transfer
	NotStored             // the receiver could not write the file
	Cancelled             // one side gave up
)

var codeNames = [...]string{
	"stored", "integrity check failed: SHA-256 differs", "refused by the receiver", "the receiver has a file of that name",
	"the file name was refused", "the file is larger than the receiver takes",
	"the receiver is busy", "the receiver could not store the file", "cancelled",
}

// Error says it in words.
func (c Code) Error() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("closed for the unknown reason %d", uint8(c))
}

// err is c as an error, nil for Stored.
func (c Code) err() error {
	if c == Stored {
		return nil
	}
	return c
}

// A TimeoutError reports that the other side fell silent.
type TimeoutError struct {
	Peer  netip.Addr
	After time.Duration // without a packet
	Cause error         // the latest error the network reported, or nil
}

func (e *TimeoutError) Error() string {
	s := fmt.Sprintf("no answer from %v for %v", e.Peer, e.After)
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

func (e *TimeoutError) Unwrap() error { return e.Cause }

// Timeout returns true, as for a net.Error.
func (e *TimeoutError) Timeout() bool { return true }
