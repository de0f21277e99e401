// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"syscall"
	"time"
)

// nap gives other threads the processor for real time, which package time does
// not have in a bubble.
func nap() {
	_ = syscall.Nanosleep(&syscall.Timespec{Nsec: 50_000}, nil) // ended early by a signal is as good
}

// realTime is a clock for the same.
func realTime() time.Duration {
	var tv syscall.Timeval
	_ = syscall.Gettimeofday(&tv) // cannot fail
	return time.Duration(tv.Nano())
}
