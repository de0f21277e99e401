// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

// Malformed is the reason a header, an option or a message was refused.
//
// It is one byte, so that returning it costs nothing and an array of
// NumMalformed counters can be indexed by it. It implements error and is
// comparable, so a Malformed returned as an error can be tested with
// errors.Is(err, wire.BadChecksum). The zero value, NotMalformed, means that
// nothing is wrong; functions whose result type is Malformed return it on
// success. Use [Malformed.Err] to turn a Malformed into an error: a plain
// conversion of NotMalformed would be a non-nil error.
type Malformed uint8

// The reasons, in the order of the checks they come from.
const (
	// NotMalformed: nothing is wrong.
	NotMalformed Malformed = iota

	// TooShort: fewer bytes than the fixed part of the header.
	TooShort

	// BadVersion: the IP version is not the one expected, an ARP packet is not
	// for Ethernet and IPv4, or a message is not of the kind expected.
	BadVersion

	// BadHeaderLen: a header length field is less than the fixed header.
	BadHeaderLen

	// BadTotalLen: the length of the whole is less than that of its header.
	BadTotalLen

	// Truncated: a length field promises more bytes than there are.
	Truncated

	// BadChecksum: the checksum does not verify, or is zero where it must not
	// be (UDP over IPv6, RFC 8200 section 8.1).
	BadChecksum

	// BadOption: an option has a length that is impossible or that reaches
	// past the end of the options.
	BadOption

	// BadExtension: an IPv6 extension header is misplaced, is cut off, or has
	// a length that is impossible for its type.
	BadExtension

	// ChainTooLong: more IPv6 extension headers than MaxChain, or more VLAN
	// tags than MaxVLANTags.
	ChainTooLong

	// Jumbogram: the IPv6 payload length is zero although a hop-by-hop options
	// header follows, so that the length is in there (RFC 2675). Such packets,
	// of more than 65535 bytes, are not supported.
	Jumbogram

	// NumMalformed is the number of reasons including NotMalformed: the length
	// of an array of counters indexed by Malformed.
	NumMalformed
)

// Error returns the reason in a few lower-case words; the text of each reason
// is stable.
func (m Malformed) Error() string {
	switch m {
	case NotMalformed:
		return "not malformed"
	case TooShort:
		return "too short"
	case BadVersion:
		return "bad version"
	case BadHeaderLen:
		return "bad header length"
	case BadTotalLen:
		return "bad total length"
	case Truncated:
		return "truncated"
	case BadChecksum:
		return "bad checksum"
	case BadOption:
		return "bad option"
	case BadExtension:
		return "bad extension header"
	case ChainTooLong:
		return "extension header chain too long"
	case Jumbogram:
		return "jumbogram"
	}
	return "unknown reason"
}

// String returns the same text as Error.
func (m Malformed) String() string { return m.Error() }

// Err returns nil for NotMalformed and m itself for every other reason. The
// conversion does not allocate.
func (m Malformed) Err() error {
	if m == NotMalformed {
		return nil
	}
	return m
}
