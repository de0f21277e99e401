// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package pace decides how a receive loop waits for packets on sockets.
//
// To park a goroutine and have the runtime's poller wake it costs several
// system calls, about as much as receiving two packets. At some ten thousand
// packets per second a loop that empties its socket faster than the sender fills
// it would pay that for every packet. So a loop first lingers: its thread
// blocks in the kernel for a moment, and is parked only if nothing comes. Above
// [Busy] packets per second it naps as well, whether or not there are packets,
// as network cards delay their interrupts: packets come in batches then. Naps in
// which fewer come than before, as if who sends waited for answers, become rare.
//
// Where packets have come one soon after the other, as questions and answers do,
// it lingers for up to [Patience]: to set the clock that ends a shorter wait, and
// to set it again for the next event, costs two exits from a virtual machine,
// more than the answer. A wait without a packet ends that.
//
// A thread that blocks in a system call keeps its processor (GOMAXPROCS) from
// other goroutines until the runtime takes it away, after 20 µs or more. That
// is why all are short, and why a loop lets others run before.
package pace
