// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package neigh

import "protean/transport"

// Open returns a *[transport.UnsupportedError] on this system.
func Open(c *Config) (*Kernel, error) {
	return nil, &transport.UnsupportedError{Transport: "neigh", Feature: "asking the kernel for neighbours on this system"}
}
