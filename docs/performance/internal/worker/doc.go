// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package worker holds the Go programs that are measured: ours here, and what one
// would use instead in package peers. Each runs as a process of its own, started by the harness
// in a network namespace and on a CPU of its choice. It prints "ready" when
// its sockets are open, works until SIGTERM, and then prints what it counted as
// one JSON object, as the reference programs in C do.
//
// All receivers do the same work: they find the IPv4 packets of protocol 253 and
// call a function that counts them and reads one byte of the payload. All
// senders write the whole header anew for each packet. Receive buffers are equal:
// 16 blocks of 1 MiB, or a socket buffer of 16 MiB.
package worker
