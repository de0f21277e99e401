// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestControlMessagesRoundTrip(t *testing.T) {
	b := make([]byte, SendControl)
	w := Builder{B: b}
	w.Pktinfo4(7, [4]byte{10, 0, 0, 1})
	w.AddInt(unix.SOL_IP, unix.IP_RECVFRAGSIZE, 1500)
	w.AddInt(unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 99)
	var c Control
	c.Parse(b[:w.N])
	if c.IfIndex != 7 || c.Local != [4]byte{10, 0, 0, 1} || c.FragSize != 1500 || c.Drops != 99 {
		t.Errorf("%+v", c)
	}
	w = Builder{B: b}
	w.Pktinfo6(8, [16]byte{15: 1})
	w.AddInt(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, 64)
	copy(w.Add(unix.SOL_IPV6, FlowInfo, 4), []byte{0x0b, 0x91, 0x23, 0x45})
	c.Parse(b[:w.N])
	if c.IfIndex != 8 || c.Dst != [16]byte{15: 1} || c.Hop != 64 || c.Flow != 0x0b912345 || c.Drops != 0 {
		t.Errorf("%+v", c)
	}
}

func TestControlMessagesAgreeWithXSys(t *testing.T) {
	b := make([]byte, SendControl)
	w := Builder{B: b}
	w.AddInt(unix.SOL_IP, unix.IP_TTL, 3)
	w.Add(unix.SOL_IP, unix.IP_RETOPTS, 40)
	ms, err := unix.ParseSocketControlMessage(b[:w.N])
	if err != nil || len(ms) != 2 || len(ms[0].Data) != 4 || len(ms[1].Data) != 40 || ms[1].Header.Type != unix.IP_RETOPTS {
		t.Errorf("%+v, %v", ms, err)
	}
}

func TestControlMessagesOfOnePacketFit(t *testing.T) {
	w := Builder{B: make([]byte, SendControl)}
	w.Pktinfo4(1, [4]byte{1})
	w.AddInt(unix.SOL_IP, unix.IP_TTL, 1)
	w.AddInt(unix.SOL_IP, unix.IP_TOS, 1)
	w.Add(unix.SOL_IP, unix.IP_RETOPTS, 40)
	w = Builder{B: make([]byte, SendControl)}
	w.Pktinfo6(1, [16]byte{1})
	w.AddInt(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, 1)
	w.AddInt(unix.SOL_IPV6, unix.IPV6_TCLASS, 1)
}

func FuzzControl(f *testing.F) {
	w := Builder{B: make([]byte, SendControl)}
	w.Pktinfo6(8, [16]byte{15: 1})
	w.AddInt(unix.SOL_IPV6, unix.IPV6_HOPLIMIT, 64)
	f.Add(w.B[:w.N])       // what the kernel writes
	f.Add(w.B[:w.N-3])     // cut
	f.Add(w.B)             // followed by zeros: a length of 0
	f.Add([]byte{1})       // less than a header
	f.Add(make([]byte, 8)) // less than a header with a 64-bit size_t
	f.Fuzz(func(t *testing.T, b []byte) {
		var c Control
		c.Parse(b) // must not panic or loop
	})
}
