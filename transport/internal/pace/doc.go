// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package pace decides how a receive loop waits for packets on sockets.
//
// To park a goroutine and have the runtime's poller wake it costs several
// system calls, about as much as receiving two packets. At some ten thousand
// packets per second a loop that empties its socket faster than the sender fills
// it would pay that for every packet. So a loop first lingers: its thread
// blocks in the kernel for a moment, and is parked only if nothing comes. Above
// [Busy] packets per second it naps as well, whether or not there are packets,
// as network cards delay their interrupts: packets come in batches then.
//
// A thread that blocks in a system call keeps its processor (GOMAXPROCS) from
// other goroutines until the runtime takes it away, after 20 µs or more. That
// is why both are short, and why a loop lets others run before.
package pace
