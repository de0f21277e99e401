// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Command customproto transfers files by a protocol of its own on IP protocol
// 253. Without arguments it shows itself on a network in memory:
//
//	customproto                     a tour: two hosts, a bad link, a transfer
//	customproto --lab               the same over raw sockets, in network namespaces
//	customproto recv -o DIR         wait for a file
//	customproto send FILE ADDRESS   send one
//
// The last two need CAP_NET_RAW. The protocol and its documentation are in
// package xfer, what stores received files is in package inbox; this one is the
// command line around them.
//
// Exit status: 0 the file arrived; 1 it did not; 2 wrong usage; 3 what arrived
// is not what was sent.
package main
