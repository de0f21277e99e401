// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"encoding/binary"
	"unicode/utf8"
)

// The bodies of packets. Each parse function reports whether the body is one
// of its type, whatever the bytes; numbers that need the state of a transfer to
// judge are judged there.

const (
	maxName   = 255     // bytes of a file name
	maxSize   = 1 << 40 // bytes of a file: with the least block size, block numbers fit into 32 bits
	minBlock  = 512     // bytes of a block; smaller ones would cost memory per byte
	maxRanges = 64      // in an ACK
)

// An Offer is what a sender says about its file. Nothing of it is to be
// trusted.
type Offer struct {
	Name string // UTF-8, 1 to 255 bytes; may hold anything, path separators included
	Size int64  // bytes
}

type offer struct {
	Offer
	cookie uint64
	block  int // bytes of a block
}

const offerLen = 18 // without the name

func parseOffer(b []byte) (o offer, ok bool) {
	if len(b) <= offerLen || len(b) > offerLen+maxName || !utf8.Valid(b[offerLen:]) {
		return o, false
	}
	size := binary.BigEndian.Uint64(b[8:])
	o.cookie = binary.BigEndian.Uint64(b)
	o.block = int(binary.BigEndian.Uint16(b[16:]))
	if size > maxSize || o.block < minBlock {
		return o, false
	}
	o.Size, o.Name = int64(size), string(b[offerLen:])
	return o, true
}

func (o *offer) put(b []byte) {
	binary.BigEndian.PutUint64(b, o.cookie)
	binary.BigEndian.PutUint64(b[8:], uint64(o.Size))
	binary.BigEndian.PutUint16(b[16:], uint16(o.block))
	copy(b[offerLen:], o.Name)
}

// blocks is the number of blocks of the file.
func (o *offer) blocks() uint32 { return uint32((o.Size + int64(o.block) - 1) / int64(o.block)) }

// blockLen is the number of bytes of one block.
func (o *offer) blockLen(block uint32) int {
	return int(min(int64(o.block), o.Size-int64(block)*int64(o.block)))
}

const cookieLen = 8

func parseCookie(b []byte) (cookie uint64, ok bool) {
	if len(b) != cookieLen {
		return 0, false
	}
	return binary.BigEndian.Uint64(b), true
}

func parseData(b []byte) (block uint32, data []byte, ok bool) {
	if len(b) <= 4 {
		return 0, nil, false
	}
	return binary.BigEndian.Uint32(b), b[4:], true
}

// An ack says what has arrived. Its ranges stay in the packet.
type ack struct {
	newest, next, limit uint32
	ranges              []byte
}

const (
	ackLen   = 12 // without ranges
	rangeLen = 8
)

func parseAck(b []byte) (a ack, ok bool) {
	if len(b) < ackLen || (len(b)-ackLen)%rangeLen != 0 || len(b) > ackLen+maxRanges*rangeLen {
		return a, false
	}
	a = ack{
		newest: binary.BigEndian.Uint32(b),
		next:   binary.BigEndian.Uint32(b[4:]),
		limit:  binary.BigEndian.Uint32(b[8:]),
		ranges: b[ackLen:],
	}
	last := a.next
	for i := range a.len() {
		first, end := a.at(i)
		if first <= last || end <= first {
			return a, false
		}
		last = end
	}
	return a, a.next <= a.limit && last <= a.limit
}

// len is the number of ranges.
func (a *ack) len() int { return len(a.ranges) / rangeLen }

// at returns range i.
func (a *ack) at(i int) (first, end uint32) {
	return binary.BigEndian.Uint32(a.ranges[i*rangeLen:]), binary.BigEndian.Uint32(a.ranges[i*rangeLen+4:])
}

// highest is where the last range ends.
func (a *ack) highest() uint32 {
	if a.len() == 0 {
		return a.next
	}
	_, end := a.at(a.len() - 1)
	return end
}

const finishLen = 32

func parseClose(b []byte) (c Code, ok bool) {
	if len(b) != 1 {
		return 0, false
	}
	return Code(b[0]), true
}
