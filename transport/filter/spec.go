// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter

import (
	"net/netip"

	"golang.org/x/net/bpf"
)

// A Spec says which packets are wanted. The zero Spec wants none.
type Spec struct {
	// V4 and V6 are the families. Neither means both.
	V4, V6 bool

	// Protocols are the wanted protocol numbers, in any order. Any wants all.
	Protocols []uint8
	Any       bool

	// Dst are the wanted destinations: own addresses, the broadcast addresses,
	// groups. None means all; otherwise a family without one is not wanted.
	// Zones are not looked at. If there are so many, or so many OtherHostDst, that
	// the program would become too long, the longest list of a family is not
	// tested: a superset is accepted.
	Dst []netip.Prefix

	// OtherHost wants packets to the link-layer address of somebody else
	// (PACKET_OTHERHOST in packet(7)), which also is what a VLAN's frames look
	// like to a socket bound to ETH_P_IP. Without it, OtherHostDst wants those
	// among them that are to these destinations, whatever Dst says.
	OtherHost    bool
	OtherHostDst []netip.Prefix

	// Outgoing wants packets that this host sends (PACKET_OUTGOING), which only
	// sockets bound to ETH_P_ALL see.
	Outgoing bool

	// VLANs are the wanted VLAN identifiers, as the kernel tells them beside the
	// frame; 0 stands for none. No VLANs means that the tag does not matter, and
	// so do more than 1024.
	VLANs []uint16

	// Tags is how many VLAN tags that are part of the frame are stepped over,
	// at most 4. The kernel takes the outermost out of a frame (ETH_P_ALL);
	// what QinQ has behind it stays.
	Tags int

	// SnapLen is how many bytes of a packet are kept, counted as the socket
	// sees it, with the link header where it does. 0 means all.
	SnapLen uint32

	// HeaderLen, if positive, is the length in bytes of the link header as the
	// socket sees it: loads count from there, rather than from the network
	// header. NoHeader stands for a length of 0. 0 means SKF_NET_OFF.
	HeaderLen int
}

// NoHeader is a [Spec].HeaderLen: the socket sees packets from their IP header
// on.
const NoHeader = -1

// Limits of a program.
const (
	MaxLen   = 4096 // instructions, BPF_MAXINSNS in <linux/bpf_common.h>
	MaxSteps = 4    // IPv6 extension headers that are followed

	maxTags  = 4
	maxVLANs = 1024
)

// all is a snap length beyond every packet.
const all = 1 << 18

// The kernel's numbers, of <linux/filter.h>, <linux/if_packet.h> and
// <linux/if_ether.h>.
const (
	netOff          = 0xfff00000 // SKF_NET_OFF
	packetOtherHost = 3
	packetOutgoing  = 4
	etherIPv4       = 0x0800
	etherIPv6       = 0x86dd
	etherVLAN       = 0x8100
	etherQinQ       = 0x88a8
)

// None returns the program that accepts nothing.
func None() []bpf.RawInstruction { return new(Spec).Program() }

// Program returns the filter as a program for SO_ATTACH_FILTER (socket(7)),
// at most [MaxLen] instructions long. Its value is the number of bytes to keep,
// 0 for a packet that is not wanted.
func (s *Spec) Program() []bpf.RawInstruction {
	d := s.destinations()
	for d.cost() > MaxLen {
		d.widen()
	}
	raw := s.program(d)
	for len(raw) > MaxLen {
		d.widen()
		raw = s.program(d)
	}
	return raw
}

// A builder is a program being put together.
type builder struct {
	*Spec
	asm
	base         uint32 // what offsets of loads count from
	tagged       bool   // loads are relative to X, the length of the tags in the frame
	accept, drop label
	set          label // with the protocol in A
}

func (s *Spec) program(d *dests) []bpf.RawInstruction {
	b := &builder{Spec: s, base: netOff, tagged: s.Tags > 0}
	switch {
	case s.HeaderLen > 0:
		b.base = uint32(s.HeaderLen)
	case s.HeaderLen < 0:
		b.base = 0
	}
	b.accept, b.drop, b.set = b.label(), b.label(), b.label()
	if (d.wanted(false) || d.wanted(true)) && (s.Any || len(s.Protocols) > 0) {
		b.link()
		b.families(d)
		b.at(b.set)
		b.protocols()
	}
	b.at(b.drop)
	b.do(bpf.RetConstant{Val: 0})
	b.at(b.accept)
	snap := s.SnapLen
	if snap == 0 {
		snap = all
	}
	b.do(bpf.RetConstant{Val: snap})
	return b.assemble()
}

// load loads size bytes at an offset from the IP header into A.
func (b *builder) load(off uint32, size int) {
	if b.tagged {
		b.do(bpf.LoadIndirect{Off: b.base + off, Size: size})
	} else {
		b.do(bpf.LoadAbsolute{Off: b.base + off, Size: size})
	}
}
