// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package script writes down what a sender of fragments does, for tests: a list
// of pieces of one datagram in the order in which they are sent, each filled
// with one byte, so that a receiver's result shows which piece every byte is
// from. Scripts are parsed from a short notation, generated at random from a
// seed, made smaller while they fail, and turned into IP packets.
package script
