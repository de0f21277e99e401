// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/sockio"
	"protean/transport/neigh"
	"protean/transport/route"
)

// A hop is where packets to a destination go.
type hop struct {
	mac   wire.MAC
	state hopState
	via   netip.Addr // the gateway, or the destination itself
	mtu   int        // bytes of IP packet, 0 if not known

	header [headerLen]byte // of packets there from the interface's own address; by transmitter.find
}

// A hopState says whether packets can be sent to a hop.
type hopState uint8

const (
	hopReady   hopState = iota + 1
	hopWaiting          // its hardware address is being asked for
	hopUnasked          // it is not, since so many others are
	hopFull             // there is no room for packets that have to go first
	hopFailed           // it does not answer
)

// hops finds out where packets go: by the kernel's routes through the
// interface, and its neighbours there.
type hops struct {
	t      *Transport
	routes *route.Kernel
	neighs *neigh.Kernel
}

func (h *hops) open(t *Transport) (err error) {
	h.t = t
	if h.routes, err = route.Open(&route.Config{NetNS: t.ns.Path()}); err != nil {
		return opError("open", err)
	}
	h.neighs, err = neigh.Open(&neigh.Config{NetNS: t.ns.Path(), Changed: h.changed})
	return opError("open", err)
}

func (h *hops) close() {
	if h.routes != nil {
		h.routes.Close()
	}
	if h.neighs != nil {
		h.neighs.Close()
	}
}

// changed is told that a neighbour answers, or does not.
func (h *hops) changed(via netip.Addr, ifindex int) {
	if ifindex == h.t.link.index {
		for _, q := range h.t.queues {
			q.tx.held.changed(via)
		}
	}
}

// neighbour returns the hardware address of a next hop.
func (h *hops) neighbour(via netip.Addr) (wire.MAC, hopState) {
	a, err := h.neighs.Lookup(via, h.t.link.index)
	switch {
	case err == nil:
		mac, _ := a.MAC()
		return mac, hopReady
	case errors.Is(err, neigh.ErrPending):
		return wire.MAC{}, hopWaiting
	case errors.Is(err, neigh.ErrFull):
		return wire.MAC{}, hopUnasked
	}
	return wire.MAC{}, hopFailed
}

// lookup returns the route through the interface. What goes through the loopback
// interface is to an address of this host, wherever that is: for IPv6 the
// routes name the address's own interface.
func (h *hops) lookup(dst netip.Addr) (route.Route, error) {
	if h.t.loopback() {
		if r, err := h.routes.Lookup(dst, 0); err == nil && r.Type == route.Local {
			r.IfIndex = h.t.link.index
			return r, nil
		}
	}
	return h.routes.Lookup(dst, h.t.link.index)
}

// generation returns numbers that change with what find would answer, but for what
// the kernel does not announce: the path MTUs that it learns.
func (h *hops) generation() (routes, neighs uint64) {
	return h.routes.Generation(), h.neighs.Generation()
}

// find returns where packets to dst go. The error is a *net.OpError.
func (h *hops) find(dst netip.Addr) (hop, error) {
	t := h.t
	r, err := h.lookup(dst)
	if err != nil && h.onLink(dst, err) {
		r, err = route.Route{Type: route.Unicast, Route: transport.Route{NextHop: dst, IfIndex: t.link.index}}, nil
	}
	if err != nil {
		return hop{}, routeError("write", dst, err)
	}
	to := hop{via: r.NextHop, mtu: r.MTU, state: hopReady}
	switch {
	case t.link.lacks:
	case r.Type == route.Multicast:
		to.mac, _ = neigh.MulticastMAC(dst)
	case r.Type == route.Broadcast:
		to.mac = wire.BroadcastMAC()
	case r.IfIndex != t.link.index: // an address of this host, which is reached by its loopback interface
		return hop{}, writeError(dst, "route", unix.ENETUNREACH)
	default:
		switch to.mac, to.state = h.neighbour(to.via); to.state {
		case hopFailed:
			return hop{}, writeError(dst, "neighbour "+to.via.String(), unix.EHOSTUNREACH)
		case hopUnasked: // nobody would tell when that changes
			return hop{}, writeError(dst, "neighbour "+to.via.String(), unix.ENOBUFS)
		}
	}
	return to, nil
}

// onLink reports whether packets to dst go to the link although there is no route
// through the interface, which err says: where the kernel would send them of a socket that
// is bound to the interface. Who answers from an address that is not the interface's,
// which may have none, has no route to whom he answers.
func (h *hops) onLink(dst netip.Addr, err error) bool {
	var e *route.Error
	if !dst.Is4() || !errors.As(err, &e) || e.Type != route.NoRoute {
		return false
	}
	r, err := h.routes.Lookup(dst, 0)
	if err == nil {
		return r.Type == route.Unicast // else it is an address of this host
	}
	return errors.As(err, &e) && e.Type == route.NoRoute // else routes are to keep packets back
}

// Route implements [transport.Router] with the kernel's routes through the
// transport's interface. Where there is none, IPv4 packets may be sent all the same.
func (t *Transport) Route(dst netip.Addr, ifindex int) (transport.Route, error) {
	if !t.calls.Enter() {
		return transport.Route{}, net.ErrClosed
	}
	defer t.calls.Leave()
	dst = dst.Unmap()
	switch {
	case !dst.IsValid():
		return transport.Route{}, addrError("route", "it is not valid", dst)
	case dst.Is6() && !t.cfg.V6 || dst.Is4() && !t.cfg.V4:
		return transport.Route{}, callError("route", "socket", unix.EAFNOSUPPORT)
	case ifindex != 0 && ifindex != t.link.index:
		return transport.Route{}, callError("route", "interface", unix.ENODEV)
	}
	r, err := t.hops.lookup(dst)
	if err != nil {
		return transport.Route{}, routeError("route", dst, err)
	}
	return r.Route, nil
}

func routeError(op string, dst netip.Addr, err error) error {
	return &net.OpError{Op: op, Net: name, Addr: &net.IPAddr{IP: dst.AsSlice()}, Err: err}
}

// hardwareAddr returns the interface's, zeros if it has none.
func (t *Transport) hardwareAddr() (mac wire.MAC) {
	if f := t.status.Load(); f != nil {
		copy(mac[:], f.HardwareAddr)
	}
	return mac
}

// addressLen is the length of a hardware address on the interface.
func (t *Transport) addressLen() uint8 {
	if t.link.header == 0 {
		return 0
	}
	return uint8(len(wire.MAC{}))
}

// carrier reports whether the interface passes packets.
func (t *Transport) carrier() bool {
	const up = unix.IFF_UP | unix.IFF_RUNNING
	flags, ok := t.flags()
	return ok && flags&up == up
}

// up reports whether the interface is up. The kernel is asked only if it was down
// when its changes were looked at last: who only sends never looks.
func (t *Transport) up() bool {
	if f := t.status.Load(); f == nil || f.Up {
		return true
	}
	flags, ok := t.flags()
	return !ok || flags&unix.IFF_UP != 0 // if it is gone, sending tells so
}

// flags returns what the kernel says of the interface, IFF_UP and so on of
// netdevice(7), whatever its name is by now. It fails if it is gone.
func (t *Transport) flags() (flags uint16, ok bool) {
	ifr, ok := t.ioctl(unix.SIOCGIFFLAGS)
	if !ok {
		return 0, false
	}
	return ifr.Uint16(), true
}

// sendOne sends one packet by itself, through the socket that sends the others, so
// that it goes the same way; with a ring, through the one that goes around it, since
// the ring's ignores what is not in it.
func (q *queue) sendOne(packet []byte, mac wire.MAC) unix.Errno {
	protocol := protocolOf(packet)
	to := &unix.SockaddrLinklayer{Protocol: sockio.NetworkOrder(protocol), Ifindex: q.t.link.index, Halen: q.t.addressLen()}
	copy(to.Addr[:], mac[:])
	parts := [][]byte{packet}
	if x := &q.tx; !x.cooked && x.header > 0 {
		var h [headerLen]byte
		putHeader(&h, mac, q.t.policy.Load().source(packet, q.t.hardwareAddr()), protocol)
		parts = [][]byte{h[:], packet}
	}
	_, err := unix.SendmsgBuffers(q.tx.fd, parts, nil, to, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err == nil {
		return 0
	}
	if errno, ok := err.(unix.Errno); ok {
		return errno
	}
	return unix.EIO
}
