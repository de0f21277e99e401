// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"fmt"
	"net/netip"
	"time"

	"protean/proto"
)

const (
	// DefaultInterval is the time between two requests.
	DefaultInterval = time.Second

	// DefaultTimeout is how long a request waits for its answer, as in ping of
	// iputils.
	DefaultTimeout = 10 * time.Second

	// MaxSize is the most data that an echo request can carry: an IPv4 packet
	// of 65,535 bytes less its header and that of ICMP.
	MaxSize = 65535 - 20 - headerLen

	headerLen = 8 // of an echo message
)

// Config says what a Pinger does. Dst is required; the zero value of each other
// field is its default.
type Config struct {
	// Dst is who is asked. A link-local address needs a zone or IfIndex.
	Dst netip.Addr

	Src     netip.Addr     // source address; default: the host chooses
	IfIndex int            // outgoing interface; default: the route's
	TTL     uint8          // default 64, and 1 for multicast
	TOS     uint8          // type of service or traffic class
	Frag    proto.FragMode // what may be done with requests larger than the path carries

	// Count is the number of requests to send. With a Deadline it is the number
	// of answers to wait for instead. 0: no limit.
	Count uint64

	// Interval is the time between two requests; 0: DefaultInterval.
	Interval time.Duration

	// Timeout is how long a request waits for its answer: one that comes later
	// is late. 0: DefaultTimeout.
	Timeout time.Duration

	// Deadline ends everything so long after the start; 0: none.
	Deadline time.Duration

	// Offset delays the first request, so that several Pingers do not send at
	// the same instant.
	Offset time.Duration

	// Size is the number of data bytes in a request, 0 to MaxSize. The first 16
	// are a random cookie and the number of the request, by which answers are
	// recognised; with fewer than 8 a forged or foreign answer can be taken for
	// a true one.
	Size int

	// ID is the identifier in the requests; 0: random.
	ID uint16

	// Waiting asks for an Event when a request is unanswered at the time at
	// which the next one is sent.
	Waiting bool

	// Report is called on the loop for each Event, which is valid until it
	// returns; it must not block. Done is called on the loop once, at the end.
	// Both may be nil.
	Report func(*Event)
	Done   func()
}

// A ConfigError says which field of a Config is wrong.
type ConfigError struct {
	Field  string
	Reason string // a clause: "is not valid"
}

func (e *ConfigError) Error() string { return fmt.Sprintf("echo: %s %s", e.Field, e.Reason) }

func (c *Config) withDefaults() error {
	switch {
	case !c.Dst.IsValid() || c.Dst.IsUnspecified() || c.Dst.Is4In6():
		return &ConfigError{"Dst", "is not an address to ask"}
	case c.Src.IsValid() && c.Src.Is4() != c.Dst.Is4():
		return &ConfigError{"Src", "is of another family than Dst"}
	case c.Size < 0 || c.Size > MaxSize:
		return &ConfigError{"Size", fmt.Sprintf("is not in 0 to %d", MaxSize)}
	case c.Interval < 0 || c.Timeout < 0 || c.Deadline < 0 || c.Offset < 0:
		return &ConfigError{"Interval, Timeout, Deadline or Offset", "is negative"}
	}
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	return nil
}
