// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"math"

	"protean/transport"
)

// Config says what kind of sockets to open. The zero value, and a nil *Config,
// are good for most uses. Open copies it.
type Config struct {
	// V4 and V6 select families. Both false selects both, IPv6 only if the
	// host has it. A family that is selected and missing is an error.
	V4, V6 bool

	// Interface, if not empty, is the name of the only interface to receive
	// from and send through (SO_BINDTODEVICE).
	Interface string

	// NetNS is the path of the network namespace to open sockets in. Empty
	// means the namespace that the thread calling Open is in; later sockets are
	// opened in it too. See rawip.Config.
	NetNS string

	// RcvBuf is the size in bytes of each receive buffer, as SO_RCVBUF of
	// getsockopt(2) counts it. 0 means the system's default.
	RcvBuf int

	// Batch is the most packets taken from or given to the kernel at once, up
	// to 1024, and the number of slots. 0 means 64; negative means 1.
	Batch int
}

// MaxIDs is how many identifiers a transport can use, of both families together;
// an IPv6 identifier counts once more for each source that is not the route's.
const MaxIDs = 256

const (
	name         = "ping"
	defaultBatch = 64
	maxBatch     = 1024
)

func (c *Config) withDefaults() (Config, error) {
	var d Config
	if c != nil {
		d = *c
	}
	switch {
	case d.Batch == 0:
		d.Batch = defaultBatch
	case d.Batch < 0:
		d.Batch = 1
	}
	d.Batch = min(d.Batch, maxBatch)
	if d.RcvBuf > math.MaxInt32 { // the kernel takes an int
		return d, unsupported("a buffer of 2 GiB or more")
	}
	return d, nil
}

func unsupported(feature string) error {
	return &transport.UnsupportedError{Transport: name, Feature: feature}
}
