// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Command performance measures Protean beside what one would use instead, in
// one run on one machine, and writes tables, plots and the raw figures. Start it
// as docs/performance/run.
//
// It is a module of its own, so that users of the library do not download its
// peers.
//
// A veth pair joins two namespaces. The sender has one CPU, the receiver the
// other. What a program costs is the time that the kernel accounts to all its
// threads, divided by packets; it is compared as a ratio to the reference in C of
// the same round, since the speed of a shared machine changes from one second to
// the next. Packets per second are shown, but rank nothing: over veth the
// sender's CPU does most of the receiver's work in the kernel.
package main
