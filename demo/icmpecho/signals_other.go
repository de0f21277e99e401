// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !unix

package main

import "os"

var statsSignals []os.Signal
