// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"encoding/binary"
	"net/netip"
	"time"

	"protean/proto/wire"
)

// Protocols with ports or identifiers beside those that package wire names.
const (
	protoDCCP    = 33
	protoSCTP    = 132
	protoUDPLite = 136
)

// A flow is packets between two ends. For a one-for-one translator all packets
// of a source are one flow: remote, protocol and ports are zero.
type flow struct {
	local, remote         netip.Addr
	protocol              uint8
	localPort, remotePort uint16 // identifiers of ICMP echoes are localPort
}

// A portKind says what tells the flows of a protocol apart.
type portKind uint8

const (
	noPorts   portKind = iota // nothing
	bothPorts                 // the first four bytes of its header
	echoID                    // the identifier of an ICMP echo
	icmpError                 // what an ICMP error quotes
	unusable                  // it is cut off, or an ICMP message of another kind
)

// kindOf says what a packet of a protocol has; b begins with its header.
func kindOf(protocol uint8, b []byte) portKind {
	k := usualKind(protocol)
	switch {
	case k == bothPorts && len(b) < 4, k == echoID && len(b) < 8:
		return unusable
	case k == echoID:
		return icmpKind(protocol, b[0])
	}
	return k
}

// usualKind says what those packets of a protocol have that a translator gives
// ports to.
func usualKind(protocol uint8) portKind {
	switch protocol {
	case wire.ProtoTCP, wire.ProtoUDP, protoDCCP, protoSCTP, protoUDPLite:
		return bothPorts
	case wire.ProtoICMP, wire.ProtoICMPv6:
		return echoID
	}
	return noPorts
}

func icmpKind(protocol, typ uint8) portKind {
	if protocol == wire.ProtoICMP {
		switch typ {
		case 0, 8:
			return echoID
		case 3, 4, 5, 11, 12:
			return icmpError
		}
		return unusable
	}
	switch {
	case typ < 128:
		return icmpError
	case typ == 128, typ == 129:
		return echoID
	}
	return unusable
}

// portsOf returns the ports of the packet whose header b begins with: source
// and destination, or twice the identifier.
func portsOf(k portKind, b []byte) (src, dst uint16) {
	switch k {
	case bothPorts:
		return binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	case echoID:
		id := binary.BigEndian.Uint16(b[4:])
		return id, id
	}
	return 0, 0
}

// lifetime returns how long Linux remembers a flow without packets; see
// nf_conntrack-sysctl in its documentation.
func lifetime(protocol uint8) time.Duration {
	switch protocol {
	case wire.ProtoUDP, wire.ProtoICMP, wire.ProtoICMPv6, protoUDPLite:
		return 30 * time.Second
	case wire.ProtoTCP:
		return 5 * 24 * time.Hour
	}
	return DefaultNATTimeout
}

// checksumAt returns where the checksum of a protocol is that covers the
// addresses, -1 if there is none, or none that a translator knows.
func checksumAt(protocol uint8) int {
	switch protocol {
	case wire.ProtoTCP:
		return 16
	case wire.ProtoUDP, protoUDPLite, protoDCCP:
		return 6
	case wire.ProtoICMPv6:
		return 2
	}
	return -1
}
