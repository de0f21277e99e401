// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package lab sets up the network that is measured: two namespaces on a veth
// pair, the sender's and the receiver's.
//
// The receiver's kernel is kept quiet by a raw socket for protocol 253 that takes
// nothing, so that all receivers are measured on a host that sends no ICMP
// errors. IPv6 is off, neighbours are static, and offloads are left as they are.
package lab
