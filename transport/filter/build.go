// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter

import (
	"golang.org/x/net/bpf"

	"protean/proto/wire"
)

// The scratch memory of a program.
const (
	saved   = 0 // A, while A is needed for something else
	foreign = 1 // 1 if the packet is to another host at the link layer
)

// link tests what the kernel knows beside the frame.
func (b *builder) link() {
	if !b.OtherHost || !b.Outgoing {
		b.do(bpf.LoadExtension{Num: bpf.ExtType})
		if !b.Outgoing {
			b.jumpIf(bpf.JumpEqual, packetOutgoing, b.drop)
		}
		switch {
		case b.OtherHost:
		case !b.distinguishes():
			b.jumpIf(bpf.JumpEqual, packetOtherHost, b.drop)
		default:
			other, done := b.label(), b.label()
			b.jumpIf(bpf.JumpEqual, packetOtherHost, other)
			b.do(bpf.LoadConstant{Dst: bpf.RegA, Val: 0})
			b.jump(done)
			b.at(other)
			b.do(bpf.LoadConstant{Dst: bpf.RegA, Val: 1})
			b.at(done)
			b.do(bpf.StoreScratch{Src: bpf.RegA, N: foreign})
		}
	}
	if ids := dedup(b.VLANs); len(ids) > 0 && len(ids) <= maxVLANs {
		ok := b.label()
		b.do(bpf.LoadExtension{Num: bpf.ExtVLANTag}, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xfff})
		for _, id := range ids {
			b.jumpIf(bpf.JumpEqual, uint32(id), ok)
		}
		b.jump(b.drop)
		b.at(ok)
	}
	b.do(bpf.LoadExtension{Num: bpf.ExtProto})
	b.tags()
}

// tags steps over the VLAN tags in the frame, with the EtherType in A and their
// length, so far, in X.
func (b *builder) tags() {
	if !b.tagged {
		return
	}
	b.do(bpf.LoadConstant{Dst: bpf.RegX, Val: 0})
	done := b.label()
	for range min(b.Tags, maxTags) {
		tag := b.label()
		b.jumpIf(bpf.JumpEqual, etherVLAN, tag)
		b.jumpIf(bpf.JumpNotEqual, etherQinQ, done)
		b.at(tag)
		b.load(2, 2)
		b.do(
			bpf.StoreScratch{Src: bpf.RegA, N: saved},
			bpf.TXA{}, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: wire.VLANTagLen}, bpf.TAX{},
			bpf.LoadScratch{Dst: bpf.RegA, N: saved},
		)
	}
	b.at(done)
}

// families tells the families apart by the EtherType in A, and leaves for set
// with the protocol.
func (b *builder) families(d *dests) {
	ip4, ip6 := b.label(), b.label()
	if d.wanted(false) {
		b.jumpIf(bpf.JumpEqual, etherIPv4, ip4)
	}
	if d.wanted(true) {
		b.jumpIf(bpf.JumpEqual, etherIPv6, ip6)
	}
	b.jump(b.drop)
	if d.wanted(false) {
		b.at(ip4)
		b.destination(d, false)
		if b.Any {
			b.jump(b.accept)
		} else {
			b.load(9, 1)
			b.jump(b.set)
		}
	}
	if d.wanted(true) {
		b.at(ip6)
		b.destination(d, true)
		if b.Any {
			b.jump(b.accept)
		} else {
			b.chain()
		}
	}
}

// chain follows the header chain of an IPv6 packet (RFC 8200, section 4), with
// the type of a header in A and where it is in X.
func (b *builder) chain() {
	b.load(6, 1)
	if b.tagged {
		b.do(
			bpf.StoreScratch{Src: bpf.RegA, N: saved},
			bpf.TXA{}, bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: wire.IPv6HeaderLen}, bpf.TAX{},
			bpf.LoadScratch{Dst: bpf.RegA, N: saved},
		)
	} else {
		b.do(bpf.LoadConstant{Dst: bpf.RegX, Val: wire.IPv6HeaderLen})
	}
	fragment := b.label()
	for range MaxSteps {
		options, ah, next := b.label(), b.label(), b.label()
		b.jumpIf(bpf.JumpEqual, wire.ExtHopByHop, options)
		b.jumpIf(bpf.JumpEqual, wire.ExtDestination, options)
		b.jumpIf(bpf.JumpEqual, wire.ExtRouting, options)
		b.jumpIf(bpf.JumpEqual, wire.ExtFragment, fragment)
		b.jumpIf(bpf.JumpEqual, wire.ExtAH, ah)
		b.unclear()
		b.jump(b.set)
		b.at(options)
		b.step(1, 3)
		b.jump(next)
		b.at(ah)
		b.step(2, 2) // RFC 4302, section 2.2
		b.at(next)
	}
	b.jumpIf(bpf.JumpEqual, wire.ExtFragment, fragment)
	b.extensions()
	b.jump(b.set)
	b.at(fragment)
	b.do(bpf.LoadIndirect{Off: b.base, Size: 1})
	b.extensions() // maybe in another packet
	// and on to set
}

// step goes to the next header. The length of this one is that in its second
// byte plus add, shifted left by shift.
func (b *builder) step(add, shift uint32) {
	b.do(
		bpf.LoadIndirect{Off: b.base, Size: 1},
		bpf.StoreScratch{Src: bpf.RegA, N: saved},
		bpf.LoadIndirect{Off: b.base + 1, Size: 1},
		bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: add},
		bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: shift},
		bpf.ALUOpX{Op: bpf.ALUOpAdd}, bpf.TAX{},
		bpf.LoadScratch{Dst: bpf.RegA, N: saved},
	)
}

// unclear accepts headers that are either a message or a prefix of one.
func (b *builder) unclear() {
	b.jumpIf(bpf.JumpEqual, wire.ExtMobility, b.accept)
	b.jumpIf(bpf.JumpEqual, wire.ExtHIP, b.accept)
	b.jumpIf(bpf.JumpEqual, wire.ExtShim6, b.accept)
}

// extensions accepts every extension header, where the protocol behind it
// cannot be told.
func (b *builder) extensions() {
	for _, t := range []uint32{wire.ExtHopByHop, wire.ExtDestination, wire.ExtRouting, wire.ExtFragment, wire.ExtAH} {
		b.jumpIf(bpf.JumpEqual, t, b.accept)
	}
	b.unclear()
}
