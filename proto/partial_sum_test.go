// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
)

// unsummed is a TCP or UDP packet whose checksum is left to a device: its field has the
// sum of the pseudo-header.
func unsummed(protocol uint8, v6 bool, payload string) []byte {
	src, dst := "10.0.0.1", "10.0.0.2"
	if v6 {
		src, dst = "fd00::1", "fe80::2"
	}
	head, at := make([]byte, 20), 16
	if protocol == wire.ProtoUDP {
		head, at = head[:8], 6
		binary.BigEndian.PutUint16(head[4:], uint16(8+len(payload)))
	}
	binary.BigEndian.PutUint16(head[at:], checksum.PseudoHeader(netip.MustParseAddr(src), netip.MustParseAddr(dst), protocol, len(head)+len(payload)))
	return frame(protocol, src, dst, string(head)+payload)
}

// TestAChecksumLeftToADeviceIsComputedOnTheWay relays packets and wraps them.
func TestAChecksumLeftToADeviceIsComputedOnTheWay(t *testing.T) {
	for _, left := range []bool{true, false} {
		r := newRig(1)
		h := rigHost(t, r, nil)
		q := r.qs[0]
		if left {
			q.flags = transport.ChecksumPartial.Flag()
		}
		handle2 := func(protocol uint8) {
			handle(t, h, protocol, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error {
				if err := env.Relay(1, p); err != nil {
					return err
				}
				s, err := env.Wrap(proto.Header{Dst: rigPeer, Protocol: 253}, 2, p)
				if err != nil {
					return err
				}
				copy(s.Payload(), "hd")
				return s.Commit()
			}))
		}
		for _, protocol := range []uint8{wire.ProtoTCP, wire.ProtoUDP, 200} {
			handle2(protocol)
			for _, v6 := range []bool{false, true} {
				for _, payload := range []string{"", "odd", "even"} {
					in := unsummed(protocol, v6, payload)
					q.put(in)
					poll(t, h, time.Now())
					sent := q.packets()
					for _, d := range [][]byte{sent[len(sent)-2].Data, sent[len(sent)-1].Data[22:]} {
						var p proto.Packet
						if bad := p.Load(d, transport.Arrival{}); bad != 0 {
							t.Fatal(bad)
						}
						sum := checksum.PseudoHeader(p.Src(), p.Dst(), protocol, len(p.Payload()))
						if right := checksum.VerifyWith(sum, p.Payload()); protocol != 200 && right != left {
							t.Errorf("protocol %d, IPv6 %v, %q, left to a device %v: right %v", protocol, v6, payload, left, right)
						}
						if (protocol == 200 || !left) && string(d) != string(in) {
							t.Errorf("protocol %d: % x, want % x", protocol, d, in)
						}
					}
				}
			}
		}
	}
}

// TestAComputedSumOfUDPIsNeverNone has it come to 0, which would say that there is none.
func TestAComputedSumOfUDPIsNeverNone(t *testing.T) {
	r := newRig(1)
	h := rigHost(t, r, nil)
	r.qs[0].flags = transport.ChecksumPartial.Flag()
	handle(t, h, wire.ProtoUDP, proto.HandlerFunc(func(env *proto.Env, p *proto.Packet) error { return env.Relay(1, p) }))
	last := checksum.Sum(unsummed(wire.ProtoUDP, false, "\x00\x00")[20:])
	r.qs[0].put(unsummed(wire.ProtoUDP, false, string(binary.BigEndian.AppendUint16(nil, ^last))))
	poll(t, h, time.Now())
	if d := r.qs[0].packets()[0].Data; binary.BigEndian.Uint16(d[26:]) != 0xffff {
		t.Errorf("% x", d[20:])
	}
}
