// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"protean/proto"
	"protean/transport"
)

// path finds out how packets to peer are sent, and how large they may be. It is
// asked once, so that it need not be found out per packet.
func path(env *proto.Env, peer netip.Addr) (hd proto.Header, mtu int, err error) {
	if !peer.IsValid() || peer.IsUnspecified() || peer.IsMulticast() {
		return hd, 0, &proto.HeaderError{Field: "Dst", Reason: "is not the address of one host"}
	}
	hd.Dst = peer.WithZone("")
	links := env.Interfaces()
	for _, l := range links {
		if l.Name == peer.Zone() {
			hd.IfIndex = l.Index
		}
	}
	if peer.IsLinkLocalUnicast() && peer.Is6() && hd.IfIndex == 0 {
		return hd, 0, proto.ErrNeedInterface
	}
	r, err := env.Route(hd.Dst, hd.IfIndex)
	if errors.Is(err, errors.ErrUnsupported) {
		// The transport knows no routes: the narrowest interface decides.
		for _, l := range links {
			if l.Up && !l.Loopback && (r.MTU == 0 || l.MTU < r.MTU) {
				r.MTU = l.MTU
			}
		}
		return hd, r.MTU, nil
	}
	if r.Src.IsValid() {
		hd.Src = r.Src.WithZone("")
	}
	return hd, r.MTU, err
}

// maxPacket is the largest packet sent, whatever an interface allows: the
// loopback interface allows 64 KiB, of which a ring would hold but few.
const maxPacket = 9000

// blockSize returns the most bytes of a file that fit into one packet.
func blockSize(hd proto.Header, mtu int) int {
	n := min(mtu, maxPacket) - dataLen
	if hd.Dst.Is4() {
		return n - 20
	}
	return n - 40
}

// parseQuoted returns the connection of a packet of which an error quotes the
// beginning. RFC 792 asks for 8 bytes only, which do not tell.
func parseQuoted(b []byte) (conn uint64, err error) {
	if len(b) < 20 || binary.BigEndian.Uint32(b) != experimentID || b[4] != version {
		return 0, transport.Malformed
	}
	return binary.BigEndian.Uint64(b[12:]), nil
}
