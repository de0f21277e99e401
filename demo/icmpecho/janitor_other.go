// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package main

import (
	"errors"
	"io"
)

type janitor struct{}

func takeLock() (io.Closer, error) { return nil, errors.ErrUnsupported }

func startJanitor(io.Closer, []sysctl) (*janitor, error) { return nil, errors.ErrUnsupported }

func (j *janitor) end() error { return errors.ErrUnsupported }
