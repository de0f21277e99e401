// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import "fmt"

// Config configures [New]. It is copied.
type Config struct {
	// Name and Seed select the random numbers. The name also stands in the
	// faults' IDs; empty means "impair". What is sent goes forth, what is
	// received comes back.
	Name string
	Seed uint64

	// Out is what happens to packets that are sent, In to those received.
	Out, In Pipeline

	// Filter, if set, is asked whether a fault may strike, with locks held: it
	// must not use the transport. Recorder, if set, is told of those that do.
	Filter   Filter
	Recorder *Recorder

	// Limit is how many packets may be under way in each direction. When so
	// many are on their way out, Reserve returns ErrNoSlots; of those coming
	// in, what is above is dropped: QueueFull. Zero means [DefaultLimit].
	Limit int
}

// DefaultLimit is the default of [Config].Limit.
const DefaultLimit = 4096

// A ConfigError says which setting is wrong.
type ConfigError struct {
	Setting string
	Reason  string // a clause: "is negative"
}

func (e *ConfigError) Error() string { return fmt.Sprintf("impair: %s %s", e.Setting, e.Reason) }
