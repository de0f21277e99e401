// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package guard

import (
	"runtime"

	"protean/transport"
)

func inNamespace(path string, f func() error) error { return f() }

func openSocket(int, Families) (int, error) {
	return -1, &transport.UnsupportedError{Transport: "guard", Feature: "raw sockets on " + runtime.GOOS}
}

func closeSocket(int) error { return nil }
