// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package claim

import (
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport/filter"
	"protean/transport/internal/sockio"
)

// sockets are what a Responder listens and sends with: one packet socket for ARP
// and one for neighbour solicitations, opened when an address of the family is
// claimed, and an IPv6 socket that is a member of groups, so that multicast
// listener reports (RFC 3810) tell switches of them.
type sockets struct {
	r      *Responder
	poller sockio.Poller
	fds    map[int]int // by EtherType
	member int         // 0: none
	ending atomic.Bool
	done   chan struct{} // nil: nobody reads
}

// etherType returns the protocol by which an address is asked for.
func etherType(a netip.Addr) int {
	if a.Is4() {
		return unix.ETH_P_ARP
	}
	return unix.ETH_P_IPV6
}

// wanted returns the filter of a protocol: all ARP packets, or what is a neighbour
// solicitation without extension headers, which fragments would be (RFC 6980).
func wanted(protocol int) []bpf.Instruction {
	if protocol == unix.ETH_P_ARP {
		return []bpf.Instruction{bpf.RetConstant{Val: 1 << 16}}
	}
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: netOff + 6, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire.ProtoICMPv6, SkipTrue: 3},
		bpf.LoadAbsolute{Off: netOff + wire.IPv6HeaderLen, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire.ICMPv6NeighborSolicit, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 16},
		bpf.RetConstant{Val: 0},
	}
}

const netOff = 0xfff00000 // SKF_NET_OFF in <linux/filter.h>

// listen has the interface take what is to an address: frames to its group and
// to a hardware address of its own.
func (s *sockets) listen(a netip.Addr, hw wire.MAC) error {
	protocol := etherType(a)
	fd, err := s.open(protocol)
	if err != nil {
		return err
	}
	if err := s.set(fd, hw, unix.PACKET_MR_UNICAST, unix.PACKET_ADD_MEMBERSHIP); err != nil {
		return err
	}
	if a.Is6() {
		group := wire.SolicitedNode(a)
		if err := s.set(fd, groupMAC(group), unix.PACKET_MR_MULTICAST, unix.PACKET_ADD_MEMBERSHIP); err != nil {
			s.set(fd, hw, unix.PACKET_MR_UNICAST, unix.PACKET_DROP_MEMBERSHIP)
			return err
		}
		// An interface without IPv6 cannot report; the frames come all the same.
		s.join(group, true)
	}
	return nil
}

// ignore ends what listen began, with another hardware address if a is still
// claimed.
func (s *sockets) ignore(a netip.Addr, hw wire.MAC) {
	fd := s.fds[etherType(a)]
	s.set(fd, hw, unix.PACKET_MR_UNICAST, unix.PACKET_DROP_MEMBERSHIP)
	if a.Is4() {
		return
	}
	group := wire.SolicitedNode(a)
	s.set(fd, groupMAC(group), unix.PACKET_MR_MULTICAST, unix.PACKET_DROP_MEMBERSHIP)
	for b := range s.r.addrs {
		if b.Is6() && wire.SolicitedNode(b) == group {
			return // still needed; a socket is a member once
		}
	}
	s.join(group, false)
}

// set changes a membership of a packet socket; the kernel counts them.
func (s *sockets) set(fd int, hw wire.MAC, kind uint16, option int) error {
	if hw == (wire.MAC{}) {
		return nil // the interface's own
	}
	m := unix.PacketMreq{Ifindex: int32(s.r.ifindex), Type: kind, Alen: uint16(len(hw))}
	copy(m.Address[:], hw[:])
	return os.NewSyscallError("setsockopt PACKET_ADD_MEMBERSHIP", unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, option, &m))
}

func (s *sockets) join(group netip.Addr, join bool) {
	if s.member == 0 {
		fd, err := s.socket(unix.AF_INET6, unix.SOCK_DGRAM)
		if err != nil {
			return
		}
		s.member = fd
	}
	sockio.Membership{IfIndex: s.r.ifindex, Group: group}.Set(s.member, join)
}

func (s *sockets) socket(family, kind int) (fd int, err error) {
	err = s.r.ns.Do(func() (err error) {
		fd, err = unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return os.NewSyscallError("socket", err)
	})
	return fd, err
}

// open returns the packet socket of a protocol.
func (s *sockets) open(protocol int) (fd int, err error) {
	if fd, ok := s.fds[protocol]; ok {
		return fd, nil
	}
	if s.fds == nil {
		if err := s.poller.Open(); err != nil {
			s.poller.Close()
			return 0, err
		}
		s.fds = make(map[int]int)
	}
	if fd, err = s.socket(unix.AF_PACKET, unix.SOCK_RAW); err != nil {
		return 0, err
	}
	program, err := bpf.Assemble(wanted(protocol))
	if err == nil {
		err = filter.Attach(fd, program)
	}
	if err == nil {
		to := &unix.SockaddrLinklayer{Protocol: sockio.NetworkOrder(uint16(protocol)), Ifindex: s.r.ifindex}
		err = os.NewSyscallError("bind", unix.Bind(fd, to))
	}
	if err == nil {
		err = s.poller.Watch(fd, protocol)
	}
	if err != nil {
		unix.Close(fd)
		return 0, err
	}
	s.fds[protocol] = fd
	if s.done == nil {
		s.done = make(chan struct{})
		go s.run()
	}
	return fd, nil
}

// send sends a frame, if it is one. What does not go out now does not matter:
// questions are asked again.
func (s *sockets) send(protocol int, frame []byte) {
	if frame != nil {
		unix.Sendto(s.fds[protocol], frame, unix.MSG_DONTWAIT, &unix.SockaddrLinklayer{
			Protocol: sockio.NetworkOrder(uint16(protocol)), Ifindex: s.r.ifindex,
		})
	}
}

// run reads until close.
func (s *sockets) run() {
	defer close(s.done)
	b := make([]byte, 2048) // what is asked is shorter
	var events [2]unix.EpollEvent
	var n int
	ready := func(uintptr) bool {
		n = s.poller.Events(events[:], 0)
		return n > 0
	}
	for !s.ending.Load() {
		n = 0
		if s.poller.Block(time.Time{}, ready) != nil {
			return
		}
		for _, ev := range events[:n] {
			s.r.mu.Lock()
			fd := s.fds[int(ev.Fd)]
			s.r.mu.Unlock()
			for range 64 { // then look whether to end
				k, from, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
				if err != nil {
					break // nothing left, or ENETDOWN once
				}
				ll, ok := from.(*unix.SockaddrLinklayer)
				s.r.take(int(ev.Fd), b[:k], ok && ll.Pkttype < unix.PACKET_OTHERHOST)
			}
		}
	}
}

// close ends run and closes the sockets. Nobody else uses them any more.
func (s *sockets) close() {
	if s.done != nil {
		s.ending.Store(true)
		s.poller.Wake()
		<-s.done
	}
	if s.fds != nil {
		s.poller.Close()
	}
	for _, fd := range s.fds {
		unix.Close(fd)
	}
	if s.member != 0 {
		unix.Close(s.member)
	}
}
