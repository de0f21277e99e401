// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"encoding/binary"
	"hash/crc32"

	"protean/proto"
	"protean/transport"
)

// Protocol is the IP protocol number the protocol is meant for (RFC 3692).
const Protocol = 253

const (
	experimentID = 0x58666572 // "Xfer"
	version      = 1

	headerLen = 24            // of every packet
	dataLen   = headerLen + 4 // of a DATA packet in front of its bytes
)

// A kind is the type of a packet.
type kind uint8

const (
	kindOffer kind = iota + 1
	kindCookie
	kindData
	kindAck
	kindPing
	kindFinish
	kindClose
)

// A packet is one that was received and whose header is in order. It is a view:
// body is valid as long as the bytes it was parsed from.
type packet struct {
	kind   kind
	conn   uint64
	number uint32
	body   []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// parse checks the header of a packet. The errors are what HandlePacket
// returns: proto.Pass for packets of other experiments and other versions, for
// which there may be another handler, and a DropReason for what is wrong.
func parse(b []byte) (packet, error) {
	if len(b) < 5 || binary.BigEndian.Uint32(b) != experimentID || b[4] != version {
		return packet{}, proto.Pass
	}
	if len(b) < headerLen {
		return packet{}, transport.Malformed
	}
	if binary.BigEndian.Uint32(b[8:]) != checksum(b) {
		return packet{}, transport.BadChecksum
	}
	p := packet{
		kind:   kind(b[5]),
		conn:   binary.BigEndian.Uint64(b[12:]),
		number: binary.BigEndian.Uint32(b[20:]),
		body:   b[headerLen:],
	}
	if numbered := p.kind == kindData || p.kind == kindPing; numbered != (p.number != 0) {
		return packet{}, transport.Malformed
	}
	return p, nil
}

// putHeader writes the header of the packet b, all but the checksum.
func putHeader(b []byte, k kind, conn uint64, number uint32) {
	binary.BigEndian.PutUint32(b, experimentID)
	b[4], b[5], b[6], b[7] = version, byte(k), 0, 0
	binary.BigEndian.PutUint64(b[12:], conn)
	binary.BigEndian.PutUint32(b[20:], number)
}

// seal fills in the checksum of a packet that is complete otherwise.
func seal(b []byte) { binary.BigEndian.PutUint32(b[8:], checksum(b)) }

// checksum is the CRC-32C of b without the field that holds it.
func checksum(b []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, b[:8]), castagnoli, b[12:])
}

// reserve opens a slot for a packet with n bytes of body and writes its header.
// The caller writes the body and calls send.
func reserve(env *proto.Env, hd proto.Header, k kind, conn uint64, number uint32, n int) (*proto.Slot, error) {
	s, err := env.Reserve(hd, headerLen+n)
	if err != nil {
		return nil, err
	}
	putHeader(s.Payload(), k, conn, number)
	return s, nil
}

// send completes the packet in s and hands it over.
func send(s *proto.Slot) error {
	seal(s.Payload())
	return s.Commit()
}
