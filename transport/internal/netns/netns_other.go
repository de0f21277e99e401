// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package netns

import (
	"errors"
	"fmt"
	"runtime"
)

func unsupported() error {
	return fmt.Errorf("netns: network namespaces on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Open returns an error that matches [errors.ErrUnsupported].
func Open(path string) (*Handle, error) { return nil, unsupported() }

// Current returns an error that matches [errors.ErrUnsupported].
func Current() (*Handle, error) { return nil, unsupported() }

// At returns an error that matches [errors.ErrUnsupported].
func At(path string) (*Handle, error) { return nil, unsupported() }

// New returns an error that matches [errors.ErrUnsupported].
func New() (*Handle, error) { return nil, unsupported() }

// Dup returns an error that matches [errors.ErrUnsupported].
func (h *Handle) Dup() (*Handle, error) { return nil, unsupported() }

// Do returns an error that matches [errors.ErrUnsupported]; f does not run.
func (h *Handle) Do(f func() error) error { return unsupported() }
