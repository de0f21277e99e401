// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"math"
	"strings"
	"time"

	"protean/transport/impair"
)

// Defaults of the settings that have one.
const (
	DefaultMaxSteps     = 1 << 22
	DefaultQueue        = 4096
	DefaultMTU          = 1500
	DefaultQueuePackets = 1000 // as the txqueuelen of Linux interfaces
)

// DefaultEpoch returns the virtual time at which a stepped network starts:
// midnight UTC on 1 January 2000, which is also where the time of a
// testing/synctest bubble starts.
func DefaultEpoch() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// Config configures a [Network]. A nil *Config means all defaults. It is
// copied.
type Config struct {
	// Seed selects the random numbers. Zero is a seed like any other.
	Seed uint64

	// Epoch is the virtual time at the start; the zero Time means
	// [DefaultEpoch]. It must lie in the years 1970 to 2199, and is not used
	// when Live is set.
	Epoch time.Time

	// Live makes the network run in real time, on a goroutine of its own.
	Live bool

	// Barrier makes a live network do one thing at a time, in an order that is
	// the same in every run. It is synctest.Wait, in a testing/synctest bubble:
	// a function that returns when all goroutines but its caller are blocked.
	// The network calls it all the time, so nobody else in the bubble can: use
	// [Network.Settle].
	Barrier func()

	// Report is called, if Barrier is set, with what goes wrong while the
	// network runs: a *[ConcurrentError] or a *[LivelockError]. It must not
	// block. If it is nil, [Network.Close] returns the first of them.
	Report func(error)

	// MaxSteps is the number of steps at one instant of virtual time after
	// which driving the network ends with a *[LivelockError]. Zero means
	// [DefaultMaxSteps], a negative value no limit.
	MaxSteps int

	// Filter, if set, is asked whether a fault may strike; Recorder, if set,
	// is told of those that do. Filter is called with the network locked: it
	// must not call anything of this package.
	Filter   impair.Filter
	Recorder *impair.Recorder
}

// OpenConfig configures a handle, a [Transport]. A nil *OpenConfig means all
// defaults. It is copied.
type OpenConfig struct {
	// Queue is the number of packets that wait to be received; those that
	// find the queue full are lost. Zero means [DefaultQueue].
	Queue int
}

// LinkConfig says what a link does to packets. A nil *LinkConfig is a link
// that delivers every packet at once. It applies to both directions, unless
// Back is set. It is copied.
//
// A packet first waits its turn in the queue of the sending side (Rate), is
// then lost or not (Loss), takes its way (Delay, Jitter, Reorder) and arrives
// once or twice (Duplicate). Behind that, it goes through the stages of
// Pipeline, where everything else can be had, in any order.
type LinkConfig struct {
	// Name names the link in traces and selects its random numbers. Empty
	// means the names of both ports: "a:eth0-b:eth0".
	Name string

	// Delay is how long every packet takes.
	Delay time.Duration

	// Jitter is the most by which a packet takes longer, evenly distributed
	// from 0 to Jitter. It never changes the order of packets: one that would
	// overtake another arrives together with it.
	Jitter time.Duration

	// Loss is the probability with which a packet is lost.
	Loss float64

	// Duplicate is the probability with which a packet arrives twice, the
	// copy right behind the original.
	Duplicate float64

	// Reorder is the probability with which a packet is held back by
	// ReorderDelay on top of Delay and Jitter, so that packets sent later
	// overtake it.
	Reorder float64

	// ReorderDelay is how long a packet is held back. Zero means Delay plus
	// Jitter, but at least one millisecond.
	ReorderDelay time.Duration

	// Rate is in bits per second, counted from the IP header on; zero means
	// without limit. A packet that finds the link busy waits.
	Rate int64

	// QueuePackets and QueueBytes limit the packets that wait for the link,
	// not counting the one that is being sent. A packet for which there is no
	// room is dropped. Zero QueuePackets means [DefaultQueuePackets], zero
	// QueueBytes no limit in bytes.
	QueuePackets int
	QueueBytes   int

	// MTU is the most bytes of an IP packet. Zero means [DefaultMTU]. It must
	// be 68 or more (RFC 791), and 1280 or more (RFC 8200, section 5) if one
	// of the two ports has an IPv6 address.
	MTU int

	// Pipeline is what happens to packets besides, see package impair.
	Pipeline impair.Pipeline

	// Back configures the direction from the second port to the first. Its
	// Name and Back must be zero. Nil means as above.
	Back *LinkConfig
}

func (c *LinkConfig) validate(link string, v6 bool) error {
	bad := func(field, reason string) error {
		return &ConfigError{"link " + link, field, reason}
	}
	for _, d := range []struct {
		field string
		d     time.Duration
	}{{"Delay", c.Delay}, {"Jitter", c.Jitter}, {"ReorderDelay", c.ReorderDelay}} {
		if d.d < 0 {
			return bad(d.field, "is negative")
		}
		if d.d > maxDelay {
			return bad(d.field, "is more than a year")
		}
	}
	for _, p := range []struct {
		field string
		p     float64
	}{{"Loss", c.Loss}, {"Duplicate", c.Duplicate}, {"Reorder", c.Reorder}} {
		if math.IsNaN(p.p) || p.p < 0 || p.p > 1 {
			return bad(p.field, "is not in 0 to 1")
		}
	}
	switch {
	case c.Rate < 0:
		return bad("Rate", "is negative")
	case c.QueuePackets < 0:
		return bad("QueuePackets", "is negative")
	case c.QueueBytes < 0:
		return bad("QueueBytes", "is negative")
	case c.MTU < 0 || c.MTU > 0 && c.MTU < minMTU4:
		return bad("MTU", "is less than 68")
	case c.MTU > 0 && c.MTU < minMTU6 && v6:
		return bad("MTU", "is less than 1280, which IPv6 needs")
	case c.MTU > maxPacket:
		return bad("MTU", "is more than 65575, the largest IP packet")
	case c.mtu() < minMTU6 && v6:
		return bad("Pipeline", "has an MTU of less than 1280, which IPv6 needs")
	case c.Back == nil:
		return nil
	case c.Back.Name != "":
		return bad("Back.Name", "is set")
	case c.Back.Back != nil:
		return bad("Back.Back", "is set")
	}
	return c.Back.validate(link+" (back)", v6)
}

// checkName accepts what is good in traces, in file names and, for
// interfaces, in the kernel: letters, digits, '.', '_' and '-'.
func checkName(object, name string, most int) error {
	switch {
	case name == "":
		return &ConfigError{object, "name", "is empty"}
	case len(name) > most:
		return &ConfigError{object, "name", "is too long"}
	case name == "." || name == "..":
		return &ConfigError{object, "name", "is that of a directory"}
	case strings.ContainsFunc(name, func(r rune) bool {
		return r >= 0x80 || !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			r == '.' || r == '_' || r == '-')
	}):
		return &ConfigError{object, "name", "has other characters than letters, digits, '.', '_' and '-'"}
	}
	return nil
}
