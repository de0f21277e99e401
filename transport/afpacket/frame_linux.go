// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
)

// A frame is what the kernel tells of a frame: the parts of struct tpacket3_hdr,
// tpacket2_hdr or tpacket_auxdata, and of struct sockaddr_ll, that matter.
type frame struct {
	data     []byte // what there is of it, from the link header on if the socket has one
	len      uint32 // bytes on the wire, counted likewise
	status   uint32 // TP_STATUS_*
	net      uint16 // offset in data of what follows the link header
	tci      uint16 // of the outermost VLAN tag, if status has TP_STATUS_VLAN_VALID
	tpid     uint16
	protocol uint16 // of what is at net
	pkttype  uint8
	time     int64 // Unix nanoseconds, 0 if not told
}

// tag returns the VLAN tag that the kernel has taken out of the frame.
func (f *frame) tag() (tag wire.VLANTag, ok bool) {
	if f.status&unix.TP_STATUS_VLAN_VALID == 0 {
		return tag, false
	}
	tpid := uint16(wire.EtherTypeVLAN)
	if f.status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = f.tpid
	}
	return wire.VLANTagFrom(tpid, f.tci), true
}

// packet returns the IP packet in the frame, how much of it there was on the
// wire, its protocol, and whether the frame has a VLAN tag; or why there is no packet. Tags
// that are still in the frame, as QinQ has, are stepped over.
func (f *frame) packet() (b []byte, n uint32, protocol uint16, tagged bool, bad wire.Malformed) {
	tagged = f.status&unix.TP_STATUS_VLAN_VALID != 0
	off := int(f.net)
	protocol = f.protocol
	for range wire.MaxVLANTags {
		if protocol != wire.EtherTypeVLAN && protocol != wire.EtherTypeQinQ {
			break
		}
		if len(f.data) < off+wire.VLANTagLen {
			return nil, 0, protocol, tagged, wire.TooShort
		}
		protocol = binary.BigEndian.Uint16(f.data[off+2:])
		off += wire.VLANTagLen
		tagged = true
	}
	switch {
	case off > len(f.data):
		return nil, 0, protocol, tagged, wire.TooShort
	case protocol != protocol4 && protocol != protocol6:
		return nil, 0, protocol, tagged, wire.BadVersion
	}
	return f.data[off:], f.len - min(f.len, uint32(off)), protocol, tagged, wire.NotMalformed
}

// flags is what is known of the packet besides its bytes.
func (f *frame) flags() transport.Flags {
	flags := transport.PacketType(f.pkttype).Flag()
	switch {
	case f.time == 0:
	case f.status&unix.TP_STATUS_TS_RAW_HARDWARE != 0:
		flags |= transport.TimeHardware.Flag()
	default:
		flags |= transport.TimeKernel.Flag()
	}
	switch {
	case f.status&unix.TP_STATUS_CSUMNOTREADY != 0:
		flags |= transport.ChecksumPartial.Flag()
	case f.status&unix.TP_STATUS_CSUM_VALID != 0:
		flags |= transport.ChecksumVerified.Flag()
	}
	return flags
}
