// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package vrrp is an example: routers on a link elect one of them, in the manner
// of VRRP version 3 (RFC 9568) and on its protocol number, 112. It shows
// multicast, a TTL that is sent and checked, timers, goodbyes and claimed
// addresses. The same speaker runs in virtual time and between kernels: see its
// tests.
//
// It leaves out what is not about the framework: virtual router MAC addresses,
// several addresses per router, and accepting packets as a backup. Over IPv4 its
// checksum is of the message alone; keepalived 2.2.7 takes a pseudo-header into
// account there, so that the two do not understand each other. Over IPv6 they do.
package vrrp
