// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"errors"
	"strconv"
	"syscall"

	"protean/proto/wire"
	"protean/transport"
)

// unreachable4 are the texts for the codes of ICMPv4 destination unreachable.
var unreachable4 = [...]string{
	wire.ICMPv4NetUnreachable:      "Destination Net Unreachable",
	wire.ICMPv4HostUnreachable:     "Destination Host Unreachable",
	wire.ICMPv4ProtoUnreachable:    "Destination Protocol Unreachable",
	wire.ICMPv4PortUnreachable:     "Destination Port Unreachable",
	wire.ICMPv4FragNeeded:          "Frag needed and DF set",
	wire.ICMPv4SourceRouteFailed:   "Source Route Failed",
	wire.ICMPv4NetUnknown:          "Destination Net Unknown",
	wire.ICMPv4HostUnknown:         "Destination Host Unknown",
	wire.ICMPv4SourceHostIsolated:  "Source Host Isolated",
	wire.ICMPv4NetProhibited:       "Destination Net Prohibited",
	wire.ICMPv4HostProhibited:      "Destination Host Prohibited",
	wire.ICMPv4NetUnreachableTOS:   "Destination Net Unreachable for Type of Service",
	wire.ICMPv4HostUnreachableTOS:  "Destination Host Unreachable for Type of Service",
	wire.ICMPv4AdminProhibited:     "Packet filtered",
	wire.ICMPv4PrecedenceViolation: "Precedence Violation",
	wire.ICMPv4PrecedenceCutoff:    "Precedence Cutoff",
}

// unreachable6 are those for the codes of ICMPv6.
var unreachable6 = [...]string{
	wire.ICMPv6NoRoute:           "No route",
	wire.ICMPv6AdminProhibited:   "Administratively prohibited",
	wire.ICMPv6BeyondScope:       "Beyond scope of source address",
	wire.ICMPv6AddrUnreachable:   "Address unreachable",
	wire.ICMPv6PortUnreachable:   "Port unreachable",
	wire.ICMPv6SourcePolicy:      "Source address failed ingress/egress policy",
	wire.ICMPv6RejectRoute:       "Reject route to destination",
	wire.ICMPv6SourceRouteFailed: "Error in source routing header",
}

// appendLocal writes the line for an error of this host.
func (t *Text) appendLocal(b []byte, e *Event) []byte {
	b = append(b, t.Program...)
	if errors.Is(e.Err.Errno, syscall.EMSGSIZE) {
		b = append(b, ": local error: message too long, mtu="...)
		b = strconv.AppendInt(b, int64(e.Err.MTU), 10)
		return append(b, '\n')
	}
	b = append(b, ": sending icmp_seq="...)
	b = strconv.AppendUint(b, e.Seq&0xffff, 10)
	b = append(b, ": "...)
	if e.Err.Errno != nil {
		b = append(b, e.Err.Errno.Error()...)
	}
	return append(b, '\n')
}

// appendError writes what an ICMP error means.
func appendError(b []byte, e *Event) []byte {
	if e.Err.Origin == transport.OriginICMP6 {
		return appendError6(b, e)
	}
	switch typ, code := e.Err.Type, e.Err.Code; typ {
	case wire.ICMPv4Unreachable:
		if int(code) >= len(unreachable4) {
			return appendNumber(b, "Dest Unreachable, Bad Code: ", int64(code))
		}
		b = append(b, unreachable4[code]...)
		if code == wire.ICMPv4FragNeeded {
			b = append(appendNumber(b, " (mtu = ", int64(e.Err.MTU)), ')')
		}
		return b
	case wire.ICMPv4TimeExceeded:
		switch code {
		case wire.ICMPv4TTLExceeded:
			return append(b, "Time to live exceeded"...)
		case wire.ICMPv4ReassemblyExceeded:
			return append(b, "Frag reassembly time exceeded"...)
		}
		return appendNumber(b, "Time exceeded, Bad Code: ", int64(code))
	case wire.ICMPv4ParamProblem:
		return appendNumber(b, "Parameter problem: pointer = ", int64(e.Err.Pointer))
	default:
		return appendNumber(b, "Bad ICMP type: ", int64(typ))
	}
}

func appendError6(b []byte, e *Event) []byte {
	switch typ, code := e.Err.Type, e.Err.Code; typ {
	case wire.ICMPv6Unreachable:
		b = append(b, "Destination unreachable: "...)
		if int(code) >= len(unreachable6) {
			return appendNumber(b, "Unknown code ", int64(code))
		}
		return append(b, unreachable6[code]...)
	case wire.ICMPv6PacketTooBig:
		return appendNumber(b, "Packet too big: mtu=", int64(e.Err.MTU))
	case wire.ICMPv6TimeExceeded:
		b = append(b, "Time exceeded: "...)
		switch code {
		case wire.ICMPv6HopLimitExceeded:
			return append(b, "Hop limit"...)
		case wire.ICMPv6ReassemblyExceeded:
			return append(b, "Defragmentation failure"...)
		}
		return appendNumber(b, "code ", int64(code))
	case wire.ICMPv6ParamProblem:
		b = append(b, "Parameter problem: "...)
		switch code {
		case wire.ICMPv6HeaderError:
			b = append(b, "Wrong header field "...)
		case wire.ICMPv6UnknownNextHeader:
			b = append(b, "Unknown header "...)
		case wire.ICMPv6UnknownOption:
			b = append(b, "Unknown option "...)
		default:
			b = append(appendNumber(b, "code ", int64(code)), ' ')
		}
		return appendNumber(b, "at ", int64(e.Err.Pointer))
	default:
		return appendNumber(b, "Unknown ICMP type: ", int64(typ))
	}
}

func appendNumber(b []byte, text string, n int64) []byte {
	return strconv.AppendInt(append(b, text...), n, 10)
}
