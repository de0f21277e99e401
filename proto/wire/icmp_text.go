// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

type typeCode struct{ typ, code uint8 }

var errorTexts4 = map[typeCode]string{
	{ICMPv4Unreachable, ICMPv4NetUnreachable}:      "network unreachable",
	{ICMPv4Unreachable, ICMPv4HostUnreachable}:     "host unreachable",
	{ICMPv4Unreachable, ICMPv4ProtoUnreachable}:    "protocol unreachable",
	{ICMPv4Unreachable, ICMPv4PortUnreachable}:     "port unreachable",
	{ICMPv4Unreachable, ICMPv4FragNeeded}:          "fragmentation needed and DF set",
	{ICMPv4Unreachable, ICMPv4SourceRouteFailed}:   "source route failed",
	{ICMPv4Unreachable, ICMPv4NetUnknown}:          "destination network unknown",
	{ICMPv4Unreachable, ICMPv4HostUnknown}:         "destination host unknown",
	{ICMPv4Unreachable, ICMPv4SourceHostIsolated}:  "source host isolated",
	{ICMPv4Unreachable, ICMPv4NetProhibited}:       "network administratively prohibited",
	{ICMPv4Unreachable, ICMPv4HostProhibited}:      "host administratively prohibited",
	{ICMPv4Unreachable, ICMPv4NetUnreachableTOS}:   "network unreachable for type of service",
	{ICMPv4Unreachable, ICMPv4HostUnreachableTOS}:  "host unreachable for type of service",
	{ICMPv4Unreachable, ICMPv4AdminProhibited}:     "communication administratively prohibited",
	{ICMPv4Unreachable, ICMPv4PrecedenceViolation}: "host precedence violation",
	{ICMPv4Unreachable, ICMPv4PrecedenceCutoff}:    "precedence cutoff in effect",
	{ICMPv4TimeExceeded, ICMPv4TTLExceeded}:        "time to live exceeded in transit",
	{ICMPv4TimeExceeded, ICMPv4ReassemblyExceeded}: "fragment reassembly time exceeded",
	{ICMPv4ParamProblem, ICMPv4PointerError}:       "parameter problem",
	{ICMPv4ParamProblem, ICMPv4OptionMissing}:      "parameter problem: required option missing",
	{ICMPv4ParamProblem, ICMPv4BadLength}:          "parameter problem: bad length",
}

var errorTexts6 = map[typeCode]string{
	{ICMPv6Unreachable, ICMPv6NoRoute}:             "no route to destination",
	{ICMPv6Unreachable, ICMPv6AdminProhibited}:     "communication administratively prohibited",
	{ICMPv6Unreachable, ICMPv6BeyondScope}:         "beyond scope of source address",
	{ICMPv6Unreachable, ICMPv6AddrUnreachable}:     "address unreachable",
	{ICMPv6Unreachable, ICMPv6PortUnreachable}:     "port unreachable",
	{ICMPv6Unreachable, ICMPv6SourcePolicy}:        "source address failed ingress/egress policy",
	{ICMPv6Unreachable, ICMPv6RejectRoute}:         "reject route to destination",
	{ICMPv6Unreachable, ICMPv6SourceRouteFailed}:   "error in source routing header",
	{ICMPv6PacketTooBig, 0}:                        "packet too big",
	{ICMPv6TimeExceeded, ICMPv6HopLimitExceeded}:   "hop limit exceeded in transit",
	{ICMPv6TimeExceeded, ICMPv6ReassemblyExceeded}: "fragment reassembly time exceeded",
	{ICMPv6ParamProblem, ICMPv6HeaderError}:        "erroneous header field",
	{ICMPv6ParamProblem, ICMPv6UnknownNextHeader}:  "unrecognized next header type",
	{ICMPv6ParamProblem, ICMPv6UnknownOption}:      "unrecognized IPv6 option",
	{ICMPv6ParamProblem, ICMPv6IncompleteChain}:    "IPv6 first fragment has incomplete IPv6 header chain",
}

// ICMPv4ErrorText returns what the type and code of an ICMP error mean, about in the words
// of the IANA registry "ICMP Parameters", and "" if they are not known.
func ICMPv4ErrorText(typ, code uint8) string { return errorTexts4[typeCode{typ, code}] }

// ICMPv6ErrorText is ICMPv4ErrorText for ICMPv6, "ICMPv6 Parameters".
func ICMPv6ErrorText(typ, code uint8) string { return errorTexts6[typeCode{typ, code}] }
