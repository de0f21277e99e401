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
// that the kernel learns (or a redirect it follows), so that no answer is used
// for longer than a second.
package route
