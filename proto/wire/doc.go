// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package wire reads and writes the headers that IP protocols meet: IPv4 with
// its options, IPv6 with its extension headers, ICMPv4, ICMPv6, neighbour
// solicitations and advertisements, UDP, Ethernet with VLAN tags, and ARP. It does
// no input or output and keeps no state.
//
// # Reading
//
// A header type such as [IPv4] is a []byte with accessors: a view. Its Parse
// function is the one validity gate in front of it. It looks at the bytes once
// and returns either the view, trimmed to the length its header gives, or the
// reason for refusing it:
//
//	ip, bad := wire.ParseIPv4(b)
//	if bad != wire.NotMalformed {
//		dropped[bad]++ // dropped is a [wire.NumMalformed]uint64
//		return
//	}
//
// Behind the gate no accessor panics, whatever the bytes say. Accessors read
// the bytes when called, so a view costs nothing to make, and a field that
// nobody asks for costs nothing either. A view made by conversion,
// wire.IPv4(b), skips the gate, for bytes that passed it before; its accessors
// panic if the bytes are too few.
//
// A view, and every []byte taken from it, aliases the memory it was parsed
// from. It is valid as long as that memory is.
//
// Parse functions with Quoted in their name accept what was cut off, such as
// the packet quoted in an ICMP error.
//
// Lists inside headers (options, extension headers) have iterators, which are
// values: they allocate nothing, use up input with every step, and end with a
// reason where the list is malformed. [WalkIPv6] goes from an IPv6 header to
// the upper-layer protocol in one call.
//
// # Writing
//
// A struct such as [IPv4Fields] holds the fields of a header to be built. Its
// Len method tells how many bytes it takes and its Marshal method writes them
// to the start of a buffer, lengths and checksum included. Marshal allocates
// nothing; what does not fit is a [BuildError]. Setters on the views change
// single fields in place; they leave the checksum to FillChecksum or to an
// incremental update.
//
// # Conventions
//
// Addresses are netip.Addr values without zone. Lengths and offsets are in
// bytes, whatever unit the wire uses. Numbers are in host order. Constants
// that go into header fields are untyped, with the names and values that the
// RFCs and IANA give them.
package wire
