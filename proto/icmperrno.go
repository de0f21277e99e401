// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"syscall"

	"protean/proto/wire"
)

// errnos4 are what Linux makes of the codes of an ICMP destination unreachable
// message: icmp_err_convert in net/ipv4/icmp.c. Only the source host isolated
// error is another there, ENONET, which other systems lack.
var errnos4 = [...]syscall.Errno{
	wire.ICMPv4NetUnreachable:      syscall.ENETUNREACH,
	wire.ICMPv4HostUnreachable:     syscall.EHOSTUNREACH,
	wire.ICMPv4ProtoUnreachable:    syscall.ENOPROTOOPT,
	wire.ICMPv4PortUnreachable:     syscall.ECONNREFUSED,
	wire.ICMPv4FragNeeded:          syscall.EMSGSIZE,
	wire.ICMPv4SourceRouteFailed:   syscall.EOPNOTSUPP,
	wire.ICMPv4NetUnknown:          syscall.ENETUNREACH,
	wire.ICMPv4HostUnknown:         syscall.EHOSTDOWN,
	wire.ICMPv4SourceHostIsolated:  syscall.ENETUNREACH,
	wire.ICMPv4NetProhibited:       syscall.ENETUNREACH,
	wire.ICMPv4HostProhibited:      syscall.EHOSTUNREACH,
	wire.ICMPv4NetUnreachableTOS:   syscall.ENETUNREACH,
	wire.ICMPv4HostUnreachableTOS:  syscall.EHOSTUNREACH,
	wire.ICMPv4AdminProhibited:     syscall.EHOSTUNREACH,
	wire.ICMPv4PrecedenceViolation: syscall.EHOSTUNREACH,
	wire.ICMPv4PrecedenceCutoff:    syscall.EHOSTUNREACH,
}

// errnos6 are those of ICMPv6: tab_unreach in net/ipv6/icmp.c.
var errnos6 = [...]syscall.Errno{
	wire.ICMPv6NoRoute:         syscall.ENETUNREACH,
	wire.ICMPv6AdminProhibited: syscall.EACCES,
	wire.ICMPv6BeyondScope:     syscall.EHOSTUNREACH,
	wire.ICMPv6AddrUnreachable: syscall.EHOSTUNREACH,
	wire.ICMPv6PortUnreachable: syscall.ECONNREFUSED,
	wire.ICMPv6SourcePolicy:    syscall.EACCES,
	wire.ICMPv6RejectRoute:     syscall.EACCES,
}

// icmpErrno is the errno that the kernel gives for an ICMP error.
func icmpErrno(v6 bool, typ, code uint8) syscall.Errno {
	switch {
	case v6 && typ == wire.ICMPv6Unreachable && int(code) < len(errnos6):
		return errnos6[code]
	case v6 && typ == wire.ICMPv6PacketTooBig:
		return syscall.EMSGSIZE
	case v6 && typ == wire.ICMPv6TimeExceeded:
		return syscall.EHOSTUNREACH
	case !v6 && typ == wire.ICMPv4Unreachable && int(code) < len(errnos4):
		return errnos4[code]
	case !v6 && (typ == wire.ICMPv4Unreachable || typ == wire.ICMPv4TimeExceeded):
		return syscall.EHOSTUNREACH
	}
	return syscall.EPROTO
}
