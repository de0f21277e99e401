// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package rawip

import (
	"net/netip"
	"os"

	"protean/transport"
)

// A Transport is a set of raw IP sockets. It exists on Linux only.
type Transport struct{ transport.Transport }

// Open returns a *transport.UnsupportedError on this system.
func Open(cfg *Config) (*Transport, error) {
	if _, err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	return nil, unsupported("opening raw sockets on this system")
}

// FromFiles returns a *transport.UnsupportedError on this system.
func FromFiles(cfg *Config, files ...*os.File) (*Transport, error) { return Open(cfg) }

// Files returns a *transport.UnsupportedError on this system.
func (t *Transport) Files() ([]*os.File, error) {
	return nil, unsupported("raw sockets on this system")
}

// BufferSize returns 0 on this system.
func (t *Transport) BufferSize() int { return 0 }

// Stats returns zeros on this system.
func (t *Transport) Stats() transport.Stats { return transport.Stats{} }

// Route returns a *transport.UnsupportedError on this system.
func (t *Transport) Route(netip.Addr, int) (transport.Route, error) {
	return transport.Route{}, unsupported("looking up routes on this system")
}

// Join returns a *transport.UnsupportedError on this system.
func (t *Transport) Join(int, netip.Addr, ...netip.Addr) error {
	return unsupported("joining multicast groups on this system")
}

// Leave returns a *transport.UnsupportedError on this system.
func (t *Transport) Leave(int, netip.Addr, ...netip.Addr) error {
	return unsupported("joining multicast groups on this system")
}
