// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build unix

package main

import (
	"os"
	"syscall"
)

// statsSignals ask respond for its statistics.
var statsSignals = []os.Signal{syscall.SIGUSR1}
