// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package afpacket

import (
	"net/netip"

	"protean/transport"
)

// A Transport is a set of packet sockets. It exists on Linux only.
type Transport struct{ transport.Transport }

// Open returns a *transport.UnsupportedError on this system.
func Open(cfg *Config) (*Transport, error) {
	if _, err := cfg.withDefaults(); err != nil {
		return nil, err
	}
	return nil, unsupported("opening packet sockets on this system")
}

// ReceiveForeign returns a *transport.UnsupportedError on this system.
func (t *Transport) ReceiveForeign(bool) error {
	return unsupported("receiving on this system")
}

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

// Claim returns a *transport.UnsupportedError on this system.
func (t *Transport) Claim(int, netip.Addr, []byte) error {
	return unsupported("taking over addresses on this system")
}

// Unclaim returns a *transport.UnsupportedError on this system.
func (t *Transport) Unclaim(int, netip.Addr) error {
	return unsupported("taking over addresses on this system")
}
