// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package sysmon wakes the Go runtime's monitor thread for loops that make no
// system calls but raw ones.
//
// That thread (sysmon in runtime/proc.go) takes the processor (GOMAXPROCS) from a
// goroutine that computes on and on, and asks the network poller for others
// meanwhile. It sleeps while all processors are idle, until a goroutine makes a
// system call (runtime.entersyscall), or a timer is due. A loop that reads packets by
// raw system calls, or out of a ring, and waits in the poller wakes nobody: once
// a goroutine computes on the last processor, nothing would be read until it is
// done.
//
// To wake the thread costs 20 µs and more, so it is done only if there is a
// goroutine that is about to run.
package sysmon
