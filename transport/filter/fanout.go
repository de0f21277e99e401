// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter

import (
	"fmt"

	"golang.org/x/net/bpf"

	"protean/proto/wire"
)

// A Fanout says how the packets of a fanout group with PACKET_FANOUT_CBPF
// (packet(7)) are spread over its sockets. The zero Fanout spreads by pair of
// addresses, the same for both directions, and for IPv4 by protocol too: all
// fragments of a datagram carry these. In IPv6 fragments the protocol would be
// one of several fields that may differ (RFC 8200, section 4.5), so it does not
// count.
type Fanout struct {
	// Payload spreads by four bytes of the payload too, at PayloadOff from its
	// start: ports, a GRE key, a session or a security parameter index. It
	// counts for packets that are whole, of IPv6 those without extension headers;
	// so a peer's fragments go to one queue and its other packets to all. A
	// packet that ends before these bytes goes to the first queue. An offset of
	// more than MaxPayloadOff is an error in [Fanout.Check], and to Program one
	// that no packet reaches.
	Payload    bool
	PayloadOff uint32

	// FlowLabel spreads by the IPv6 flow label too, which fragments repeat.
	FlowLabel bool
}

// MaxPayloadOff is the largest offset of four bytes in a payload: the length of an
// IPv6 payload is a field of 16 bits.
const MaxPayloadOff = 65535 - 4

// Check says what is wrong with a Fanout, as a *[FanoutError].
func (f *Fanout) Check() error {
	if f.Payload && f.PayloadOff > MaxPayloadOff {
		return &FanoutError{f.PayloadOff}
	}
	return nil
}

// A FanoutError says that a [Fanout] asks for bytes that no packet has.
type FanoutError struct{ PayloadOff uint32 }

func (e *FanoutError) Error() string {
	return fmt.Sprintf("Fanout.PayloadOff of %d is more than %d: no payload is that long", e.PayloadOff, MaxPayloadOff)
}

// Program returns the program for PACKET_FANOUT_DATA. Its value is a hash, of
// which the kernel takes the remainder by the number of sockets. What is
// neither IPv4 nor IPv6 goes to the first queue.
func (f *Fanout) Program() []bpf.RawInstruction {
	b := &builder{Spec: new(Spec), base: netOff}
	ip4, ip6, payload, mix := b.label(), b.label(), b.label(), b.label()
	b.do(bpf.LoadExtension{Num: bpf.ExtProto})
	b.jumpIf(bpf.JumpEqual, etherIPv4, ip4)
	b.jumpIf(bpf.JumpEqual, etherIPv6, ip6)
	b.do(bpf.RetConstant{Val: 0})

	b.at(ip4)
	b.xor(12, 4)
	b.fold(16, 4)
	b.fold(9, 1)
	if f.Payload {
		b.do(bpf.StoreScratch{Src: bpf.RegX, N: saved})
		b.load(6, 2)
		whole := b.label()
		b.jumpIf(bpf.JumpBitsNotSet, 0x3fff, whole) // MF and the offset
		b.jump(mix)
		b.at(whole)
		b.load(0, 1)
		b.do(
			bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 15},
			bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2}, bpf.TAX{},
		)
		b.jump(payload)
	} else {
		b.jump(mix)
	}

	b.at(ip6)
	b.xor(8, 4)
	for off := uint32(12); off < 40; off += 4 {
		b.fold(off, 4)
	}
	if f.FlowLabel {
		b.load(0, 4)
		b.do(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xfffff}, bpf.ALUOpX{Op: bpf.ALUOpXor}, bpf.TAX{})
	}
	if f.Payload {
		b.do(bpf.StoreScratch{Src: bpf.RegX, N: saved})
		b.load(6, 1)
		for _, t := range []uint32{
			wire.ExtHopByHop, wire.ExtRouting, wire.ExtFragment, wire.ExtAH,
			wire.ExtDestination, wire.ExtMobility, wire.ExtHIP, wire.ExtShim6,
		} {
			b.jumpIf(bpf.JumpEqual, t, mix)
		}
		b.do(bpf.LoadConstant{Dst: bpf.RegX, Val: wire.IPv6HeaderLen})
		b.at(payload) // with the length of the IP header in X
		// Beyond 1 MiB the sum would be an offset from the start of the frame.
		off := min(f.PayloadOff, MaxPayloadOff+1)
		b.do(
			bpf.LoadIndirect{Off: b.base + off, Size: 4},
			bpf.LoadScratch{Dst: bpf.RegX, N: saved},
			bpf.ALUOpX{Op: bpf.ALUOpXor}, bpf.TAX{},
		)
	}

	b.at(mix) // with what to spread by in X
	b.do(
		bpf.TXA{},
		bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: 0x9e3779b1}, // Fibonacci hashing
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 16},  // the upper bits depend on all
		bpf.RetA{},
	)
	return b.assemble()
}

// xor loads into X.
func (b *builder) xor(off uint32, size int) {
	b.load(off, size)
	b.do(bpf.TAX{})
}

// fold adds what it loads to X by exclusive or.
func (b *builder) fold(off uint32, size int) {
	b.load(off, size)
	b.do(bpf.ALUOpX{Op: bpf.ALUOpXor}, bpf.TAX{})
}
