// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/sockio"
)

// A message is what the socket of an echo request is chosen by.
type message struct {
	v6  bool
	id  uint16
	src netip.Addr // IPv6
}

// parse tells whether a packet is an echo request that a socket can send.
func parse(b []byte) (m message, err error) {
	if bad := sockio.Check(b); bad != wire.NotMalformed {
		return m, &net.OpError{Op: "write", Net: name, Err: bad}
	}
	m.v6 = b[0]>>4 == 6
	hlen, protocol := int(b[0]&15)*4, b[9]
	echo, extended, icmp := uint8(wire.ICMPv4Echo), uint8(wire.ICMPv4ExtendedEcho), uint8(wire.ProtoICMP)
	if m.v6 {
		hlen, protocol = 40, b[6]
		m.src = netip.AddrFrom16([16]byte(b[8:24]))
		echo, extended, icmp = wire.ICMPv6Echo, wire.ICMPv6ExtendedEcho, wire.ProtoICMPv6
	} else if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 { // MF or an offset
		return m, unsupported("sending a fragment")
	} else if sockio.HopsPassed(b[20:hlen]) {
		return m, unsupported("sending a source route without hops or with hops passed")
	}
	switch {
	case m.v6 && protocol != icmp && wire.IsExtension(protocol):
		return m, unsupported("sending IPv6 extension headers")
	case protocol != icmp:
		return m, unsupported("sending another protocol than ICMP")
	case len(b) < hlen+8 || b[hlen+1] != 0 || b[hlen] != echo && b[hlen] != extended:
		return m, unsupported("sending ICMP other than echo requests")
	}
	m.id = binary.BigEndian.Uint16(b[hlen+4:])
	if m.id == 0 {
		return m, unsupported("an echo request with the identifier 0")
	}
	return m, nil
}

// destination returns the destination address of a packet that parse has passed.
func destination(b []byte) netip.Addr {
	if b[0]>>4 == 6 {
		return netip.AddrFrom16([16]byte(b[24:40]))
	}
	return netip.AddrFrom4([4]byte(b[16:20]))
}

// socket returns the socket to send a slot's message by, a new one if there is
// none.
func (q *queue) socket(m message, slot *transport.Slot) (*sock, error) {
	if m.v6 && !q.t.caps.V6 || !m.v6 && !q.t.caps.V4 {
		return nil, opError("write", os.NewSyscallError("socket", unix.EAFNOSUPPORT))
	}
	m.src = q.otherSource(m, slot)
	if s := q.tx.socks[m]; s != nil {
		return s, nil
	}
	at := len(q.tx.socks)
	if at == MaxIDs {
		return nil, unsupported("using more identifiers")
	}
	fd, err := q.t.socket(m.v6)
	if err != nil {
		return nil, err
	}
	s := &sock{fd: fd, id: at, v6: m.v6, discover: -1}
	err = q.bind(fd, m, uint32(slot.IfIndex))
	if err == nil {
		q.socks[at].Store(s)
		err = q.Watch(fd, at)
	}
	if err != nil {
		q.socks[at].Store(nil)
		unix.Close(fd)
		return nil, opError("write", err)
	}
	q.tx.socks[m] = s
	return s, nil
}

// otherSource returns the source of an IPv6 request if it is not that of the
// route. In control messages the kernel takes none from these sockets
// (ping_v6_sendmsg in net/ipv6/ping.c): one has to be bound to it.
func (q *queue) otherSource(m message, slot *transport.Slot) netip.Addr {
	if !m.v6 || m.src.IsUnspecified() {
		return netip.Addr{}
	}
	r, err := q.t.route(destination(slot.Data), int(slot.IfIndex))
	if err != nil || r.Src == m.src { // what is wrong with the destination, the kernel will say
		return netip.Addr{}
	}
	return m.src
}

// bind gives a socket its identifier, for which the port of an address stands,
// and its source, if it has one. The kernel has no identifier twice, in either
// family, unless both sockets have SO_REUSEADDR set (ping_get_port in
// net/ipv4/ping.c): those that are ours may share it for that moment.
func (q *queue) bind(fd int, m message, scope uint32) error {
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: int(m.id)}
	if m.v6 {
		to := &unix.SockaddrInet6{Port: int(m.id)}
		if m.src.IsValid() {
			to.Addr = m.src.As16()
		}
		if m.src.IsLinkLocalUnicast() {
			to.ZoneId = scope
		}
		sa = to
		unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_AUTOFLOWLABEL, 0) // automatic labels are for flows
	}
	share := []int{fd}
	for o, s := range q.tx.socks {
		if o.id == m.id {
			share = append(share, s.fd)
		}
	}
	if len(share) > 1 {
		for _, fd := range share {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
				return os.NewSyscallError("setsockopt SO_REUSEADDR", err)
			}
			defer unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 0)
		}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sa))
}
