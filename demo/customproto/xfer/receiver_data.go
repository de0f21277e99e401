// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"encoding/binary"

	"protean/proto"
	"protean/transport"
)

// onData puts a block into its place.
func (r *Receiver) onData(m packet) error {
	block, data, ok := parseData(m.body)
	if !ok || block >= r.offer.blocks() || len(data) != r.offer.blockLen(block) {
		return transport.Malformed
	}
	if block >= r.room() {
		return transport.QueueFull
	}
	r.ackDue = true
	r.newest = max(r.newest, m.number)
	if block < r.next || r.have.has(block) {
		r.stats.Duplicates++
		return transport.Duplicate
	}
	copy(r.buf.at(block, len(data)), data)
	r.have.set(block)
	r.highest = max(r.highest, block+1)
	for r.next < r.highest && r.have.has(r.next) {
		r.have.clear(r.next) // its place is the next but some block's
		r.next++
	}
	return nil
}

// room is the first block that has no place in the window.
func (r *Receiver) room() uint32 {
	return uint32(r.consumed/int64(r.offer.block)) + r.buf.blocks()
}

// arrived is the offset up to which the file has arrived.
func (r *Receiver) arrived() int64 {
	return min(int64(r.next)*int64(r.offer.block), r.offer.Size)
}

// sendAck says what has arrived and how much more may be sent.
func (r *Receiver) sendAck(env *proto.Env) error {
	slot, err := reserve(env, r.hd, kindAck, r.conn, 0, ackLen+maxRanges*rangeLen)
	if err != nil {
		return err
	}
	r.limit = r.room()
	b := slot.Payload()
	binary.BigEndian.PutUint32(b[headerLen:], r.newest)
	binary.BigEndian.PutUint32(b[headerLen+4:], r.next)
	binary.BigEndian.PutUint32(b[headerLen+8:], r.limit)
	n := headerLen + ackLen
	for from := r.next; n < len(b); n += rangeLen {
		first := r.have.run(from, r.highest, true)
		if first == r.highest {
			break
		}
		from = r.have.run(first, r.highest, false)
		binary.BigEndian.PutUint32(b[n:], first)
		binary.BigEndian.PutUint32(b[n+4:], from)
	}
	if err := slot.SetLen(n); err != nil {
		slot.Discard()
		return err
	}
	r.ackDue = false
	r.stats.Acks++
	r.stats.Packets++
	if r.hasMore() {
		env.Notify()
	}
	return send(slot)
}
