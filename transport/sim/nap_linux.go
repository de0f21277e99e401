// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import "syscall"

// nap gives other threads the processor for real time, which package time does
// not have in a bubble.
func nap() {
	_ = syscall.Nanosleep(&syscall.Timespec{Nsec: 50_000}, nil) // ended early by a signal is as good
}
