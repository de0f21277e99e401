// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
)

// A Counter is the handler of the peers that receive.
type Counter struct {
	Packets uint64
	last    byte
	Handle  func(payload []byte) // through a variable, as a handler is called
}

func NewCounter() *Counter {
	c := &Counter{}
	c.Handle = func(payload []byte) {
		c.Packets++
		if len(payload) > 0 {
			c.last = payload[0]
		}
	}
	return c
}

// IP takes in an IPv4 packet, checked as the reference in C checks it.
func (c *Counter) IP(p []byte) {
	if len(p) < 20 || p[0]>>4 != 4 || p[9] != Protocol {
		return
	}
	hl, n := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
	if hl < 20 || n < hl || n > len(p) {
		return
	}
	c.Handle(p[hl:n])
}

// Filter lets IPv4 packets of the protocol pass, in an Ethernet frame.
func Filter() []bpf.RawInstruction {
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0x0800, SkipFalse: 3},
		bpf.LoadAbsolute{Off: 14 + 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: Protocol, SkipFalse: 1},
		bpf.RetConstant{Val: 0x40000},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		panic(err) // the program is constant
	}
	return raw
}

// header writes an IPv4 header with DF into p, which is the packet.
func header(p []byte, o *Options) {
	src, dst := o.Src.As4(), o.Dst.As4()
	clear(p[:20])
	p[0], p[6], p[8], p[9] = 0x45, 0x40, 64, Protocol
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	copy(p[12:], src[:])
	copy(p[16:], dst[:])
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(p[10:], ^uint16(sum))
}

// Frame writes an Ethernet frame of p's length. own is the sender's address.
func Frame(p []byte, own [6]byte, o *Options, number uint64) {
	copy(p, o.MAC[:])
	copy(p[6:], own[:])
	p[12], p[13] = 8, 0
	header(p[14:], o)
	binary.LittleEndian.PutUint64(p[34:], number)
}
