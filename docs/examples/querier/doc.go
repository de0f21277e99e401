// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package querier is an example: it asks the hosts on a link which multicast
// groups they listen to, and hears what their kernels answer, by IGMP version 3
// (RFC 9776) and by MLD version 2 (RFC 9777), which is ICMPv6. It shows router
// alerts as an IPv4 option and in an IPv6 extension header, and a protocol that is
// shared with others.
//
// It leaves out what a router needs beyond that: the election of a querier,
// retransmissions, timers for each group, and source lists.
package querier
