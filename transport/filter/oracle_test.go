// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter_test

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"protean/proto/wire"
	"protean/transport/filter"
)

// A verdict is what may become of a packet.
type verdict int

const (
	must verdict = iota
	mustNot
	either // not valid, or one of the documented doubts
)

// judge says, by package wire and the documentation, what a filter must do.
func judge(s *filter.Spec, f frame) verdict {
	dst := s.Dst
	switch {
	case !s.Any && len(s.Protocols) == 0:
		return mustNot
	case f.kind == 4 && !s.Outgoing:
		return mustNot
	case f.kind == 3 && !s.OtherHost:
		if dst = s.OtherHostDst; len(dst) == 0 {
			return mustNot
		}
	}
	if len(s.VLANs) > 0 && !slices.Contains(s.VLANs, uint16(f.vlan&0xfff)) {
		return mustNot
	}
	proto, b := uint16(f.proto), f.data
	for i := 0; i < s.Tags && (proto == wire.EtherTypeVLAN || proto == wire.EtherTypeQinQ); i++ {
		if len(b) < 4 {
			return either
		}
		proto, b = binary.BigEndian.Uint16(b[2:]), b[4:]
	}
	both := s.V4 == s.V6
	listed := func(a netip.Addr) bool {
		return len(dst) == 0 || slices.ContainsFunc(dst, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	wanted := func(protocol uint8) bool { return s.Any || slices.Contains(s.Protocols, protocol) }
	switch {
	case proto == wire.EtherTypeIPv4 && (s.V4 || both):
		switch {
		case len(b) < 20:
			return either
		case listed(netip.AddrFrom4([4]byte(b[16:]))) && wanted(b[9]):
			return must
		}
	case proto == wire.EtherTypeIPv6 && (s.V6 || both):
		var c wire.Chain
		switch {
		case len(b) < 40:
			return either
		case !listed(netip.AddrFrom16([16]byte(b[24:]))):
			return mustNot
		case s.Any:
			return must
		case wire.WalkIPv6(b, &c) != wire.NotMalformed:
			return either
		case wanted(c.Protocol) || c.Fragment > 0 && wire.IsExtension(c.Protocol):
			return must
		}
		return doubtful(b)
	}
	return mustNot
}

// doubtful tells whether the chain of a packet is one that a filter need not
// follow to its end.
func doubtful(b []byte) verdict {
	it := wire.NewExtIterator(b[6], b[40:])
	n, atomic := 0, false
	for it.Next() {
		n++
		t := it.Header().Type
		if n > filter.MaxSteps || t == wire.ExtMobility || t == wire.ExtHIP || t == wire.ExtShim6 || atomic {
			return either
		}
		atomic = t == wire.ExtFragment
	}
	return mustNot
}
