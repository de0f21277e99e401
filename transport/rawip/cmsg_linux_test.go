// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestControlMessagesRoundTrip(t *testing.T) {
	b := make([]byte, sendControl)
	w := builder{b: b}
	w.pktinfo4(7, [4]byte{10, 0, 0, 1})
	w.addInt(unix.SOL_IP, unix.IP_RECVFRAGSIZE, 1500)
	w.addInt(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 99)
	var c control
	c.parse(b[:w.n])
	if c.ifindex != 7 || c.local != [4]byte{10, 0, 0, 1} || c.fragSize != 1500 || c.drops != 99 {
		t.Errorf("%+v", c)
	}
	w = builder{b: b}
	w.pktinfo6(8, [16]byte{15: 1})
	w.addInt(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, 64)
	copy(w.add(unix.SOL_IPV6, ipv6FlowInfo, 4), []byte{0x0b, 0x91, 0x23, 0x45})
	c.parse(b[:w.n])
	if c.ifindex != 8 || c.dst != [16]byte{15: 1} || c.hop != 64 || c.flow != 0x0b912345 || c.drops != 0 {
		t.Errorf("%+v", c)
	}
}

func TestControlMessagesAgreeWithXSys(t *testing.T) {
	b := make([]byte, sendControl)
	w := builder{b: b}
	w.addInt(unix.SOL_IP, unix.IP_TTL, 3)
	w.add(unix.SOL_IP, unix.IP_RETOPTS, 40)
	ms, err := unix.ParseSocketControlMessage(b[:w.n])
	if err != nil || len(ms) != 2 || len(ms[0].Data) != 4 || len(ms[1].Data) != 40 || ms[1].Header.Type != unix.IP_RETOPTS {
		t.Errorf("%+v, %v", ms, err)
	}
}

func TestControlMessagesOfOnePacketFit(t *testing.T) {
	w := builder{b: make([]byte, sendControl)}
	w.pktinfo4(1, [4]byte{1})
	w.addInt(unix.SOL_IP, unix.IP_TTL, 1)
	w.addInt(unix.SOL_IP, unix.IP_TOS, 1)
	w.add(unix.SOL_IP, unix.IP_RETOPTS, 40)
	w = builder{b: make([]byte, sendControl)}
	w.pktinfo6(1, [16]byte{1})
	w.addInt(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, 1)
	w.addInt(unix.SOL_IPV6, unix.IPV6_TCLASS, 1)
}

func FuzzControl(f *testing.F) {
	w := builder{b: make([]byte, sendControl)}
	w.pktinfo6(8, [16]byte{15: 1})
	w.addInt(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, 64)
	f.Add(w.b[:w.n])       // what the kernel writes
	f.Add(w.b[:w.n-3])     // cut
	f.Add(w.b)             // followed by zeros: a length of 0
	f.Add([]byte{1})       // less than a header
	f.Add(make([]byte, 8)) // less than a header with a 64-bit size_t
	f.Fuzz(func(t *testing.T, b []byte) {
		var c control
		c.parse(b) // must not panic or loop
	})
}
