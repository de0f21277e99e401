// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

// IP protocol numbers, as assigned by IANA: the values of the IPv4 Protocol
// field and of the last Next Header field of an IPv6 header chain. The list
// holds the numbers that this module, its tests or a tool beside it have a use
// for; every other number works as well.
const (
	ProtoICMP          = 1   // Internet Control Message, RFC 792
	ProtoIGMP          = 2   // Internet Group Management, RFC 1112
	ProtoIPIP          = 4   // IPv4 encapsulation, RFC 2003
	ProtoTCP           = 6   // Transmission Control, RFC 9293
	ProtoEGP           = 8   // Exterior Gateway Protocol, RFC 888
	ProtoUDP           = 17  // User Datagram, RFC 768
	ProtoDCCP          = 33  // Datagram Congestion Control, RFC 4340
	ProtoIPv6          = 41  // IPv6 encapsulation, RFC 2473
	ProtoRSVP          = 46  // Resource Reservation, RFC 2205
	ProtoGRE           = 47  // Generic Routing Encapsulation, RFC 2784
	ProtoESP           = 50  // Encapsulating Security Payload, RFC 4303
	ProtoAH            = 51  // Authentication Header, RFC 4302
	ProtoICMPv6        = 58  // ICMP for IPv6, RFC 4443
	ProtoNoNext        = 59  // No Next Header for IPv6, RFC 8200 section 4.7
	ProtoEIGRP         = 88  // EIGRP, RFC 7868
	ProtoOSPF          = 89  // OSPFIGP, RFC 2328 and RFC 5340
	ProtoEtherIP       = 97  // Ethernet within IP, RFC 3378
	ProtoPIM           = 103 // Protocol Independent Multicast, RFC 7761
	ProtoVRRP          = 112 // Virtual Router Redundancy, RFC 9568
	ProtoL2TP          = 115 // Layer Two Tunneling, RFC 3931
	ProtoSCTP          = 132 // Stream Control Transmission, RFC 9260
	ProtoUDPLite       = 136 // UDP-Lite, RFC 3828
	ProtoMPLS          = 137 // MPLS in IP, RFC 4023
	ProtoEthernet      = 143 // Ethernet as an upper layer of IPv6, RFC 8986
	ProtoExperimental1 = 253 // experimentation and testing, RFC 3692
	ProtoExperimental2 = 254 // experimentation and testing, RFC 3692
	ProtoRaw           = 255 // reserved; what Linux names IPPROTO_RAW
)

// IPv6 extension header types, as assigned by IANA: Next Header values that
// name another header of the chain. They share one number space with the
// protocol numbers.
const (
	ExtHopByHop    = 0   // Hop-by-Hop Options, RFC 8200 section 4.3
	ExtRouting     = 43  // Routing, RFC 8200 section 4.4
	ExtFragment    = 44  // Fragment, RFC 8200 section 4.5
	ExtESP         = 50  // Encapsulating Security Payload, RFC 4303; nothing behind it can be read
	ExtAH          = 51  // Authentication Header, RFC 4302
	ExtNoNext      = 59  // nothing follows, RFC 8200 section 4.7
	ExtDestination = 60  // Destination Options, RFC 8200 section 4.6
	ExtMobility    = 135 // Mobility Header, RFC 6275
	ExtHIP         = 139 // Host Identity Protocol, RFC 7401
	ExtShim6       = 140 // Shim6 Protocol, RFC 5533
)

// walkable has bit t set for each extension header type t below 64 that has a
// next header field of its own.
const walkable = 1<<ExtHopByHop | 1<<ExtRouting | 1<<ExtFragment | 1<<ExtAH | 1<<ExtDestination

// IsExtension reports whether t is the type of an IPv6 extension header that
// another header can follow: hop-by-hop options, routing, fragment, AH,
// destination options, mobility, HIP or Shim6. It is false for ESP, whose next
// header is encrypted, for no next header, and for every upper-layer protocol.
func IsExtension(t uint8) bool {
	if t < 64 {
		return uint64(walkable)>>t&1 != 0
	}
	return t == ExtMobility || t == ExtHIP || t == ExtShim6
}
