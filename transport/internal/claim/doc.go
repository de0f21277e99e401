// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package claim answers for addresses on an Ethernet that the kernel does not
// own: ARP requests (RFC 826) and neighbour solicitations (RFC 4861, section 7.2),
// and it announces them (RFC 5227, section 2.3; RFC 4861, section 7.2.6).
//
// It does not ask first whether somebody else has an address: who claims one
// knows why. An IPv4 address that somebody else uses as well is not given up: it is
// announced again, at most every ten seconds (RFC 5227, section 2.4 (c); unlike there, also
// while conflicts come more often than that).
package claim
