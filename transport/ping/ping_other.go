// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package ping

import "protean/transport"

// A Transport is a set of ICMP datagram sockets. It exists on Linux only.
type Transport struct{ transport.Transport }

// Open returns a *transport.UnsupportedError on this system.
func Open(cfg *Config) (*Transport, error) {
	return nil, unsupported("opening ICMP datagram sockets on this system")
}
