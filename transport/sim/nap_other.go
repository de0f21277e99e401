// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package sim

import (
	"runtime"
	"time"
)

// nap lets other goroutines run. Portably there is no sleep in real time from
// inside a bubble.
func nap() { runtime.Gosched() }

// realTime stands still: portably there is no such clock either.
func realTime() time.Duration { return 0 }
