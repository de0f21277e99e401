// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package guard

import (
	"io"
	"os"
	"runtime"

	"protean/transport"
)

func inNamespace(path string, f func() error) error { return f() }

func openSocket(int, Families) (int, error) {
	return -1, unsupported()
}

func hideFragments(int, Families) (io.Closer, error) { return nil, unsupported() }

func filesOf([]int, int) ([]*os.File, error) { return nil, unsupported() }

func fromFiles([]*os.File) (*Guard, error) { return nil, unsupported() }

func unsupported() error {
	return &transport.UnsupportedError{Transport: "guard", Feature: "raw sockets on " + runtime.GOOS}
}

func closeSocket(int) error { return nil }
