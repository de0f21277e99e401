// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

// Field is a set of IP header fields.
type Field uint32

// The fields that some transports cannot tell, since the kernel strips them.
const (
	FieldTTL       Field = 1 << iota // TTL or hop limit
	FieldTOS                         // TOS or traffic class
	FieldID                          // IPv4 identification
	FieldDF                          // IPv4 don't-fragment flag
	FieldFlowLabel                   // IPv6 flow label
	FieldOptions                     // IPv4 options
	FieldExt                         // IPv6 extension headers
	FieldDst                         // destination address

	FieldsAll4 = FieldTTL | FieldTOS | FieldID | FieldDF | FieldOptions | FieldDst
	FieldsAll6 = FieldTTL | FieldTOS | FieldFlowLabel | FieldExt | FieldDst
	fieldsAll  = FieldsAll4 | FieldsAll6
)

// Flags is what a transport knows about a packet besides its bytes: one
// PacketType, one TimeSource and one ChecksumState, shifted into place by
// their methods Flag, and the constants below.
type Flags uint32

// The layout of Flags, and of Packet.meta, which adds the protocol number in
// its low byte and what validation finds.
const (
	protocolMask = 0xff
	typeShift    = 8  // PacketType, 3 bits
	timeShift    = 11 // TimeSource, 2 bits
	sumShift     = 13 // ChecksumState, 2 bits

	// FlagVLAN: the frame carried a VLAN tag.
	FlagVLAN Flags = 1 << 15
	// FlagHeaderVerified: the IPv4 header checksum was verified below and is
	// not to be verified again. The kernel rewrites options it has processed
	// without bringing the checksum up to date.
	FlagHeaderVerified Flags = 1 << 16

	flagTruncated Flags = 1 << 17
	flagV6        Flags = 1 << 18
	flagFragment  Flags = 1 << 19
	flagsFound          = flagTruncated | flagV6 | flagFragment | protocolMask

	unknownShift = 20 // Field, 8 bits

	// FlagMerged: the packet stands for several that were or will be on the
	// wire: TCP or UDP segments that the kernel or a device has merged, or not
	// cut yet. It may be larger than the MTU. Of UDP it is not known of all that
	// are not: see afpacket.
	FlagMerged Flags = 1 << 28
)

// Unknown is the flag that marks fields as not known.
func Unknown(f Field) Flags { return Flags(f&fieldsAll) << unknownShift }

// PacketType says to whom the link delivered a frame: the values of
// sll_pkttype in packet(7).
type PacketType uint8

// The packet types.
const (
	PacketHost      PacketType = 0 // PACKET_HOST: to this host
	PacketBroadcast PacketType = 1 // PACKET_BROADCAST
	PacketMulticast PacketType = 2 // PACKET_MULTICAST
	PacketOtherHost PacketType = 3 // PACKET_OTHERHOST: to another host, caught promiscuously
	PacketOutgoing  PacketType = 4 // PACKET_OUTGOING: sent by this host
)

// Flag is the type as a flag.
func (t PacketType) Flag() Flags { return Flags(t&7) << typeShift }

// TimeSource says who took a packet's time.
type TimeSource uint8

// The time sources.
const (
	TimeNone     TimeSource = iota // there is none
	TimeUser                       // read in user space when the packet was taken in
	TimeKernel                     // the kernel's software stamp
	TimeHardware                   // the network interface's stamp
)

// Flag is the source as a flag.
func (s TimeSource) Flag() Flags { return Flags(s&3) << timeShift }

// ChecksumState says what is known about the checksum of a packet's payload.
type ChecksumState uint8

// The checksum states.
const (
	ChecksumUnknown  ChecksumState = iota // nobody looked
	ChecksumVerified                      // the kernel or the hardware found it right
	ChecksumPartial                       // not computed: the field holds the pseudo-header sum (TP_STATUS_CSUMNOTREADY)
)

// Flag is the state as a flag.
func (s ChecksumState) Flag() Flags { return Flags(s&3) << sumShift }
