// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

// ICMPHeaderLen is the length in bytes of what all ICMP messages start with,
// v4 and v6: type, code, checksum and four bytes whose meaning depends on the
// type.
const ICMPHeaderLen = 8

// ICMP message types (RFC 792 and as noted).
const (
	ICMPv4EchoReply      = 0
	ICMPv4Unreachable    = 3
	ICMPv4SourceQuench   = 4 // deprecated, RFC 6633
	ICMPv4Redirect       = 5
	ICMPv4Echo           = 8
	ICMPv4RouterAdvert   = 9  // RFC 1256
	ICMPv4RouterSolicit  = 10 // RFC 1256
	ICMPv4TimeExceeded   = 11
	ICMPv4ParamProblem   = 12
	ICMPv4Timestamp      = 13
	ICMPv4TimestampReply = 14
	ICMPv4ExtendedEcho   = 42 // RFC 8335
	ICMPv4ExtendedReply  = 43 // RFC 8335
)

// Codes of ICMPv4Unreachable (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812
// section 5.2.7.1).
const (
	ICMPv4NetUnreachable      = 0
	ICMPv4HostUnreachable     = 1
	ICMPv4ProtoUnreachable    = 2
	ICMPv4PortUnreachable     = 3
	ICMPv4FragNeeded          = 4 // and DF set; carries the MTU, RFC 1191
	ICMPv4SourceRouteFailed   = 5
	ICMPv4NetUnknown          = 6
	ICMPv4HostUnknown         = 7
	ICMPv4SourceHostIsolated  = 8
	ICMPv4NetProhibited       = 9
	ICMPv4HostProhibited      = 10
	ICMPv4NetUnreachableTOS   = 11
	ICMPv4HostUnreachableTOS  = 12
	ICMPv4AdminProhibited     = 13
	ICMPv4PrecedenceViolation = 14
	ICMPv4PrecedenceCutoff    = 15
)

// Codes of ICMPv4Redirect, ICMPv4TimeExceeded and ICMPv4ParamProblem.
const (
	ICMPv4RedirectNet     = 0
	ICMPv4RedirectHost    = 1
	ICMPv4RedirectNetTOS  = 2
	ICMPv4RedirectHostTOS = 3

	ICMPv4TTLExceeded        = 0 // in transit
	ICMPv4ReassemblyExceeded = 1

	ICMPv4PointerError  = 0 // the pointer tells where
	ICMPv4OptionMissing = 1 // RFC 1108
	ICMPv4BadLength     = 2
)

// ICMPv6 message types (RFC 4443 and as noted). Those below 128 are errors.
const (
	ICMPv6Unreachable     = 1
	ICMPv6PacketTooBig    = 2
	ICMPv6TimeExceeded    = 3
	ICMPv6ParamProblem    = 4
	ICMPv6Echo            = 128
	ICMPv6EchoReply       = 129
	ICMPv6MLDQuery        = 130 // RFC 2710, RFC 3810
	ICMPv6MLDReport       = 131 // RFC 2710
	ICMPv6MLDDone         = 132 // RFC 2710
	ICMPv6RouterSolicit   = 133 // RFC 4861
	ICMPv6RouterAdvert    = 134 // RFC 4861
	ICMPv6NeighborSolicit = 135 // RFC 4861
	ICMPv6NeighborAdvert  = 136 // RFC 4861
	ICMPv6Redirect        = 137 // RFC 4861
	ICMPv6MLDv2Report     = 143 // RFC 3810
	ICMPv6ExtendedEcho    = 160 // RFC 8335
	ICMPv6ExtendedReply   = 161 // RFC 8335
)

// Codes of ICMPv6Unreachable, ICMPv6TimeExceeded and ICMPv6ParamProblem (RFC
// 4443 and as noted).
const (
	ICMPv6NoRoute           = 0
	ICMPv6AdminProhibited   = 1
	ICMPv6BeyondScope       = 2
	ICMPv6AddrUnreachable   = 3
	ICMPv6PortUnreachable   = 4
	ICMPv6SourcePolicy      = 5
	ICMPv6RejectRoute       = 6
	ICMPv6SourceRouteFailed = 7 // RFC 6550

	ICMPv6HopLimitExceeded   = 0 // in transit
	ICMPv6ReassemblyExceeded = 1

	ICMPv6HeaderError       = 0 // erroneous header field
	ICMPv6UnknownNextHeader = 1 // what IPv4 calls protocol unreachable
	ICMPv6UnknownOption     = 2
	ICMPv6IncompleteChain   = 3 // first fragment without all headers, RFC 7112
)
