// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package route finds the way to a destination: the source address to use, the
// next hop, the interface, and how many bytes fit.
//
// A [Kernel] has the kernel's answers, with everything that makes them: rules,
// tables, preferred sources, path MTUs learnt from ICMP. It remembers them, so
// that looking up a destination again takes no system call and no memory, and
// forgets them when the kernel announces a change of routes, rules, addresses or
// links. A [Table] is a list of routes of one's own, for interfaces that the
// kernel does not know and for tests. Both are a [Finder].
//
//	k, err := route.Open(nil)
//	r, err := k.Lookup(dst, 0)
//	// r.NextHop on interface r.IfIndex, from r.Src, r.MTU bytes at most
//
// # How fresh an answer is
//
// Announcements are read by a goroutine: an answer may be from before a change
// for as long as that takes, usually microseconds. Nothing announces a path MTU
// that the kernel learns (or a redirect it follows, or which of several default
// routers of equal preference it takes), so that no answer is used for longer
// than a second. A proto.Host keeps one for a second more, or until a link changes.
//
// # Many destinations
//
// When many destinations are looked up, answers are shared among those that no
// route, no rule and nothing learnt about a single one tells apart: the kernel
// is asked for one of them. Nothing is shared where a hash of the destination
// chooses the way (multipath routes), or if there are more than 4096 prefixes in
// all. Then, and for the first few destinations, each costs an exchange with the
// kernel.
//
// # Limitations
//
// The kernel is asked for packets with one mark (Config.Mark), and without a
// traffic class and a source, and as far as IPv6 sources are concerned address
// labels of prefixes longer than 64 bits are not told apart (ip-addrlabel(8)).
package route
