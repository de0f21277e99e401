// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package fields is a test of what every transport makes of every header
// field, of both families and in both directions. It has no code to import.
//
// Sending, a transport gets a packet with a field set, and gopacket, which
// others wrote, decodes what comes by on the wire: frames read by a packet socket
// at the other end, or what a tap of the network in memory sees. Receiving, a
// frame that gopacket reads as intended is written to the wire, and what the
// transport delivers is compared with it.
//
// What may differ is what [protean/transport.Caps] says and the table of header
// fields in docs/transports.md, which the test compares cell by cell with what
// it finds. A field that a packet claims to know and that is another one than on
// the wire is a fault, unless the table says that the kernel fills it in.
//
// A transport is added by one line of the variable transports.
package fields
