// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/proto/wire"
)

// What comes from a link-local address of IPv6 is shown with the interface, with and
// without a name.
func TestLinkLocalAddressesAreShownWithTheirZone(t *testing.T) {
	const ll = "fe80::2"
	answer := func(m []byte, p *proto.Packet) []byte {
		return message(icmp6.reply, 0, binary.BigEndian.Uint32(m[4:]), m[8:], netip.MustParseAddr(ll), p.Src())
	}
	complaint := func(_ []byte, p *proto.Packet) []byte {
		e := wire.ICMPError{Type: 1, Code: 3, Quoted: p.Data}
		m := make([]byte, e.LenV6())
		if err := e.MarshalV6(m, netip.MustParseAddr(ll), p.Src()); err != nil {
			t.Error(err)
		}
		return m
	}
	for _, c := range []struct {
		name, dst, shown string
		message          func(m []byte, p *proto.Packet) []byte
		want             string
	}{
		{"an answer", "ff02::1%eth0", "", answer, "64 bytes from fe80::2%eth0: icmp_seq=1 ttl=64 "},
		{"an answer, with a name", "ff02::1%eth0", "b.test", answer, "64 bytes from b.test (fe80::2%eth0): icmp_seq=1 ttl=64 "},
		{"an answer through an interface", "ff02::1", "", answer, "64 bytes from fe80::2%eth0: icmp_seq=1 ttl=64 "},
		{"an error", "fd00::2", "", complaint, "From fe80::2%eth0 icmp_seq=1 Destination unreachable: Address unreachable\n"},
		{"an error about a group", "ff02::1%eth0", "", complaint, "From fe80::2%eth0 icmp_seq=1 Destination unreachable: Address unreachable\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := prototest.Pair(t, link(time.Millisecond, nil))
			n.B.Register(t, 58, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
				return env.Send(proto.Header{Src: netip.MustParseAddr(ll), Dst: p.Src(), IfIndex: int(p.IfIndex), Protocol: 58}, c.message(p.Payload(), p))
			}))
			cfg := Config{Dst: netip.MustParseAddr(c.dst), Count: 1, Size: 56, Timeout: 2 * time.Second}
			if cfg.Dst.Zone() == "" && cfg.Dst.IsMulticast() {
				cfg.IfIndex = n.A.T.Interfaces()[1].Index
			}
			r := ping(t, n, true, cfg)
			r.text.Name = c.shown
			r.finish(t, n)
			if !strings.Contains(r.out.String(), c.want) || strings.Contains(r.out.String(), "DIFFERENT") {
				t.Errorf("printed:\n%s\nwant %s", r.out.String(), c.want)
			}
		})
	}
}
