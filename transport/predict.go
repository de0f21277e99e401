// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transport

// A Prediction is what a packet has in common with those like it that follow: all
// but its bytes, its time and its protocol. It is for transports that recognise
// such packets faster than Load does.
type Prediction struct {
	flags   Flags // without a protocol
	ifIndex int32
	hdr     uint16
}

// Predict returns what packets like p have in common with it. ok is false for a
// fragment and a truncated packet, which is not followed by its like.
func (p *Packet) Predict() (e Prediction, ok bool) {
	e = Prediction{p.meta &^ protocolMask, p.IfIndex, p.hdr}
	return e, p.meta&(flagTruncated|flagFragment) == 0 && p.FragSize == 0
}

// LoadPredicted makes p the packet b, of which the caller has found out what Load
// would have: that version and header length are as predicted, that the total
// length is len(b), that the checksum is right, that it is no fragment, and
// that protocol is not an extension header. time is Unix nanoseconds. p refers to
// b's memory. It is small enough to be inlined.
func (p *Packet) LoadPredicted(e *Prediction, b []byte, time int64, protocol uint8) {
	p.Data = b
	p.time = time
	p.Len = uint32(len(b))
	p.IfIndex = e.ifIndex
	p.FragSize = 0
	p.hdr = e.hdr
	p.meta = e.flags | Flags(protocol)
}
