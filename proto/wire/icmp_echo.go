// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire

import (
	"encoding/binary"
	"net/netip"
)

// An ICMPEcho is an echo message to be built, v4 or v6.
type ICMPEcho struct {
	Reply bool   // echo reply instead of echo request
	ID    uint16 // identifier
	Seq   uint16 // sequence number
	Data  []byte
}

// Len returns the number of bytes that the Marshal methods write.
func (e *ICMPEcho) Len() int { return ICMPHeaderLen + len(e.Data) }

// MarshalV4 writes the message to the start of b as ICMPv4, checksum included.
// Its error is ErrShortBuffer.
func (e *ICMPEcho) MarshalV4(b []byte) error {
	if len(b) < e.Len() {
		return ErrShortBuffer
	}
	t := uint8(ICMPv4Echo)
	if e.Reply {
		t = ICMPv4EchoReply
	}
	ICMPv4(e.put(b, t)).FillChecksum()
	return nil
}

// MarshalV6 writes the message to the start of b as ICMPv6, checksum included,
// which covers the addresses. Its errors are ErrShortBuffer and ErrAddress.
func (e *ICMPEcho) MarshalV6(b []byte, src, dst netip.Addr) error {
	if len(b) < e.Len() {
		return ErrShortBuffer
	}
	if !src.Is6() || !dst.Is6() {
		return ErrAddress
	}
	t := uint8(ICMPv6Echo)
	if e.Reply {
		t = ICMPv6EchoReply
	}
	ICMPv6(e.put(b, t)).FillChecksum(src, dst)
	return nil
}

func (e *ICMPEcho) put(b []byte, typ uint8) []byte {
	b = b[:e.Len()]
	b[0], b[1] = typ, 0
	binary.BigEndian.PutUint16(b[4:], e.ID)
	binary.BigEndian.PutUint16(b[6:], e.Seq)
	copy(b[ICMPHeaderLen:], e.Data)
	return b
}

// An ICMPTimestamp is a timestamp message to be built; IPv4 only. Times are in
// milliseconds since midnight UT.
type ICMPTimestamp struct {
	Reply                        bool // timestamp reply instead of request
	ID, Seq                      uint16
	Originate, Receive, Transmit uint32
}

// Len returns the number of bytes that MarshalV4 writes.
func (t *ICMPTimestamp) Len() int { return 20 }

// MarshalV4 writes the message to the start of b, checksum included. Its error
// is ErrShortBuffer.
func (t *ICMPTimestamp) MarshalV4(b []byte) error {
	if len(b) < t.Len() {
		return ErrShortBuffer
	}
	b = b[:t.Len()]
	b[0], b[1] = ICMPv4Timestamp, 0
	if t.Reply {
		b[0] = ICMPv4TimestampReply
	}
	binary.BigEndian.PutUint16(b[4:], t.ID)
	binary.BigEndian.PutUint16(b[6:], t.Seq)
	binary.BigEndian.PutUint32(b[8:], t.Originate)
	binary.BigEndian.PutUint32(b[12:], t.Receive)
	binary.BigEndian.PutUint32(b[16:], t.Transmit)
	ICMPv4(b).FillChecksum()
	return nil
}
