// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"protean/transport/internal/sockio"
	"protean/transport/neigh"
)

// members holds the sockets that are members of multicast groups in the
// transport's name.
//
// Joined at the IP level, as any program would, a group is announced to routers
// and switches (IGMP, MLD), and the interface takes frames to its hardware
// address. The packet socket's own membership (PACKET_MR_MULTICAST) has the
// interface take them also where there is no IP address to join with.
type members struct {
	packet   int // descriptor, opened first of all: it also tells about the interface; -1 before
	ip4, ip6 int // -1 until they are needed
}

// Join implements [transport.Multicaster].
func (t *Transport) Join(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	return t.change(true, ifindex, group, sources)
}

// Leave implements [transport.Multicaster]. Leaving what was not joined is an
// error around EADDRNOTAVAIL.
func (t *Transport) Leave(ifindex int, group netip.Addr, sources ...netip.Addr) error {
	return t.change(false, ifindex, group, sources)
}

func (t *Transport) change(join bool, ifindex int, group netip.Addr, sources []netip.Addr) error {
	if !t.calls.Enter() {
		return net.ErrClosed
	}
	defer t.calls.Leave()
	op := "leave"
	if join {
		op = "join"
	}
	all, err := t.memberships(op, ifindex, group, sources)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err = opError(op, t.groups.Change(all, join, t.setMember))
	if bad := t.update(); err == nil {
		err = bad
	}
	return err
}

// memberships checks the arguments of Join and Leave.
func (t *Transport) memberships(op string, ifindex int, group netip.Addr, sources []netip.Addr) ([]sockio.Membership, error) {
	if ifindex != t.link.index {
		return nil, callError(op, "setsockopt", unix.ENODEV)
	}
	all, err := sockio.Memberships(ifindex, group, sources)
	switch group = group.Unmap(); {
	case err != nil:
		return nil, opError(op, err)
	case group.Is4() && !t.cfg.V4 || group.Is6() && !t.cfg.V6:
		return nil, addrError(op, "the transport does not carry its family", group)
	}
	return all, nil
}

// setMember changes a membership at both levels.
func (t *Transport) setMember(m sockio.Membership, join bool) error {
	if err := t.setPacketMember(m.Group, join); err != nil {
		return err
	}
	err := t.setIPMember(m, join)
	if err == nil || t.link.lacks {
		return nil
	}
	t.setPacketMember(m.Group, !join)
	return err
}

func (t *Transport) setPacketMember(group netip.Addr, join bool) error {
	if t.link.header == 0 {
		return nil // such links have no hardware addresses
	}
	mac, _ := neigh.MulticastMAC(group)
	m := unix.PacketMreq{Ifindex: int32(t.link.index), Type: unix.PACKET_MR_MULTICAST, Alen: uint16(len(mac))}
	copy(m.Address[:], mac[:])
	opt, call := unix.PACKET_DROP_MEMBERSHIP, "setsockopt PACKET_DROP_MEMBERSHIP"
	if join {
		opt, call = unix.PACKET_ADD_MEMBERSHIP, "setsockopt PACKET_ADD_MEMBERSHIP"
	}
	return os.NewSyscallError(call, unix.SetsockoptPacketMreq(t.member.packet, unix.SOL_PACKET, opt, &m))
}

func (t *Transport) setIPMember(m sockio.Membership, join bool) error {
	fd, family := &t.member.ip4, unix.AF_INET
	if m.Group.Is6() {
		fd, family = &t.member.ip6, unix.AF_INET6
	}
	if *fd < 0 {
		err := t.ns.Do(func() (err error) {
			*fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
			return err
		})
		if err != nil {
			*fd = -1
			return err
		}
	}
	return m.Set(*fd, join)
}

func (s *members) close() {
	for _, fd := range []int{s.packet, s.ip4, s.ip6} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
