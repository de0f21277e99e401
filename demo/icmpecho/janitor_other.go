// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package main

import "errors"

type janitor struct{}

func startJanitor([]sysctl) (*janitor, error) { return nil, errors.ErrUnsupported }

func (j *janitor) end() error { return errors.ErrUnsupported }
