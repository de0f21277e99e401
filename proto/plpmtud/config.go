// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package plpmtud

import (
	"fmt"
	"time"
)

// Config holds the parameters of RFC 8899 section 5.1, under names of their own.
// The zero value of each field but Max is its default.
type Config struct {
	// Max is the largest size worth probing, MAX_PLPMTU: the MTU of the first
	// link.
	Max int

	// Base is the size to start with, BASE_PLPMTU, which nearly all paths carry;
	// default 1200. It is brought down to Max.
	Base int

	// Min is the size in use when not even Base is carried, MIN_PLPMTU; default
	// 576, or Base if that is less. Paths of IPv6 carry 1280: who probes one sets
	// both, since a Prober does not know the family.
	Min int

	// MaxProbes is how often a size is probed before it counts as too large,
	// MAX_PROBES; default 3.
	MaxProbes int

	// ProbeTimeout is how long a probe may take to be acknowledged, PROBE_TIMER;
	// default 15 seconds. A protocol that knows its round-trip time does well to
	// set it to a few of these; RFC 8899 asks for a second at least.
	ProbeTimeout time.Duration

	// RaiseTimeout is when to look for a larger size again,
	// PMTU_RAISE_TIMER; default ten minutes.
	RaiseTimeout time.Duration

	// Confirm, if not 0, is how often the size in use is probed, for protocols
	// that do not notice by themselves that packets of it are lost,
	// CONFIRMATION_TIMER.
	Confirm time.Duration

	// Step is how close to what the path carries the search ends; default 4.
	Step int
}

// The defaults.
const (
	DefaultBase         = 1200
	DefaultMin          = 576
	DefaultMaxProbes    = 3
	DefaultProbeTimeout = 15 * time.Second
	DefaultRaiseTimeout = 10 * time.Minute
	DefaultStep         = 4
)

func (c *Config) defaults() error {
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"Max", int64(c.Max)}, {"Base", int64(c.Base)}, {"Min", int64(c.Min)}, {"MaxProbes", int64(c.MaxProbes)}, {"Step", int64(c.Step)},
		{"ProbeTimeout", int64(c.ProbeTimeout)}, {"RaiseTimeout", int64(c.RaiseTimeout)}, {"Confirm", int64(c.Confirm)},
	} {
		if f.value < 0 {
			return fmt.Errorf("plpmtud: Config.%s is negative", f.name)
		}
	}
	if c.Max == 0 {
		return fmt.Errorf("plpmtud: Config.Max is not given")
	}
	set(&c.Base, DefaultBase)
	c.Base = min(c.Base, c.Max)
	set(&c.Min, DefaultMin)
	c.Min = min(c.Min, c.Base)
	set(&c.MaxProbes, DefaultMaxProbes)
	set(&c.ProbeTimeout, DefaultProbeTimeout)
	set(&c.RaiseTimeout, DefaultRaiseTimeout)
	set(&c.Step, DefaultStep)
	return nil
}

func set[T int | time.Duration](v *T, otherwise T) {
	if *v == 0 {
		*v = otherwise
	}
}
