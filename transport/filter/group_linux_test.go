// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter_test

import (
	"os"
	"testing"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport/filter"
	"protean/transport/netlab"
)

// sender returns a function that sends packets from a's first interface to b's.
func sender(t *testing.T, a, b *netlab.Node) func(p []byte) {
	from, to := a.Interfaces()[0], b.Interfaces()[0]
	tx := packetSocket(t, a, unix.SOCK_RAW)
	return func(p []byte) {
		t.Helper()
		h := wire.EthernetFields{Dst: wire.MAC(to.HardwareAddr), Src: wire.MAC(from.HardwareAddr), EtherType: wire.EtherTypeIPv4}
		if p[0]>>4 == 6 {
			h.EtherType = wire.EtherTypeIPv6
		}
		f := make([]byte, h.Len(), h.Len()+len(p))
		if err := h.Marshal(f); err != nil {
			t.Fatal(err)
		}
		if err := unix.Sendto(tx, append(f, p...), 0, &unix.SockaddrLinklayer{Ifindex: from.Index, Protocol: htons(h.EtherType)}); err != nil {
			t.Fatal(err)
		}
	}
}

// group opens sockets in a fanout group, one for each program.
func group(t *testing.T, n *netlab.Node, etherType, id, mode int, programs ...[]bpf.RawInstruction) (fds []int) {
	t.Helper()
	for _, p := range programs {
		fd := listen(t, n, n.Interfaces()[0].Index, unix.SOCK_RAW, etherType, p)
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, id|mode<<16); err != nil {
			t.Fatal(os.NewSyscallError("setsockopt PACKET_FANOUT", err))
		}
		fds = append(fds, fd)
	}
	return fds
}

// total counts what comes to sockets, until it is as much as wanted, and then what
// comes beyond that.
func total(fds []int, want int) (n int) {
	for deadline := time.Now().Add(5 * time.Second); n < want && time.Now().Before(deadline); {
		for _, fd := range fds {
			n += count(fd)
		}
	}
	for _, fd := range fds {
		n += count(fd)
	}
	return n
}

// The kernel chooses the socket before it asks that one's filter: all need the
// same.
func TestAGroupWithOneFilterLosesNothing(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	send := sender(t, a, b)
	both := func() {
		for range 100 {
			send(packet4(a.Addr4(), b.Addr4(), 253, 0, "12345678"))
			send(packet4(a.Addr4(), b.Addr4(), 17, 0, "12345678"))
		}
	}
	program := protean(b.Addr4()).Program()
	fds := group(t, b, unix.ETH_P_IP, 1, unix.PACKET_FANOUT_LB, program, program, program, program)
	if both(); total(fds, 100) != 100 {
		t.Error("packets were lost between sockets with the same filter")
	}
	fds = group(t, b, unix.ETH_P_IP, 2, unix.PACKET_FANOUT_LB, program, filter.None())
	// What is between two wanted packets is not, so the wanted ones have one turn.
	for range 100 {
		send(packet4(a.Addr4(), b.Addr4(), 253, 0, "12345678"))
	}
	if n := total(fds, 50); n != 50 {
		t.Errorf("where one of two sockets wants nothing, %d of 100 packets came; the kernel is another one than this was written for", n)
	}
}

// Reassembly by the kernel is for IPv4: IPv6 fragments come as they are.
func TestDefragIsForIPv4Alone(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	send := sender(t, a, b)
	const mode = unix.PACKET_FANOUT_HASH | unix.PACKET_FANOUT_FLAG_DEFRAG
	program := protean(b.Addr4(), b.Addr6()).Program()
	four := group(t, b, unix.ETH_P_IP, 3, mode, program)
	six := group(t, b, unix.ETH_P_IPV6, 4, mode, program)
	for _, off := range []uint16{0x2000, 0x2001, 2} {
		p := packet4(a.Addr4(), b.Addr4(), 253, off, "12345678")
		p[5] = 9 // one identification
		wire.IPv4(p).FillChecksum()
		send(p)
		h := []byte{253, 0, 0, byte(off<<3) | byte(off>>13), 0, 0, 0, 9}
		send(packet6(a.Addr6(), b.Addr6(), 44, h, "12345678"))
	}
	if n := total(six, 3); n != 3 {
		t.Errorf("three IPv6 fragments came as %d packets", n)
	}
	if n := total(four, 1); n != 1 {
		t.Errorf("three IPv4 fragments came as %d packets", n)
	}
}
