// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package route

import "protean/transport"

// Open returns a *[transport.UnsupportedError] on this system.
func Open(c *Config) (*Kernel, error) {
	return nil, &transport.UnsupportedError{Transport: "route", Feature: "asking the kernel for routes on this system"}
}
