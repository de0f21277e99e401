// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport"
)

// A router asks the kernel for routes, over one netlink socket that is opened
// when it is needed first. A question takes two exchanges of messages, some
// tens of microseconds; nothing is remembered.
type router struct {
	mu   sync.Mutex
	conn *rtnetlink.Conn
}

func (r *router) close() {
	if r.conn != nil {
		r.conn.Close()
	}
}

// Route implements [transport.Router] by asking the kernel (RTM_GETROUTE in
// rtnetlink(7)). The source is Local4 or Local6 where configured.
func (t *Transport) Route(dst netip.Addr, ifindex int) (transport.Route, error) {
	if !t.calls.Enter() {
		return transport.Route{}, net.ErrClosed
	}
	defer t.calls.Leave()
	dst = dst.Unmap()
	if ifindex == 0 {
		scope, err := t.zone(dst)
		if err != nil {
			return transport.Route{}, err
		}
		ifindex = int(scope)
	}
	return t.route(dst.WithZone(""), ifindex)
}

func (t *Transport) route(dst netip.Addr, ifindex int) (transport.Route, error) {
	v6 := dst.Is6()
	switch {
	case !dst.IsValid():
		return transport.Route{}, addrError("it is not valid", dst)
	case v6 && !t.caps.V6 || !v6 && !t.caps.V4:
		return transport.Route{}, opError("route", "socket", unix.EAFNOSUPPORT)
	}
	if ifindex == 0 {
		ifindex = t.ifindex
	}
	t.router.mu.Lock()
	defer t.router.mu.Unlock()
	r, err := t.router.ask(t, dst, ifindex)
	if err != nil {
		errno := unix.Errno(0)
		if errors.As(err, &errno) {
			err = os.NewSyscallError("rtnetlink", errno)
		}
		return transport.Route{}, &net.OpError{Op: "route", Net: name, Addr: &net.IPAddr{IP: dst.AsSlice()}, Err: err}
	}
	if r.MTU = min(r.MTU, maxPacket(v6)); !r.NextHop.IsValid() {
		r.NextHop = dst
	}
	if l := t.cfg.Local4; !v6 && l.IsValid() {
		r.Src = l
	}
	if l := t.cfg.Local6; v6 && l.IsValid() {
		r.Src = l.WithZone("")
	}
	return r, nil
}

func (r *router) ask(t *Transport, dst netip.Addr, ifindex int) (transport.Route, error) {
	if r.conn == nil {
		err := t.ns.Do(func() (err error) {
			r.conn, err = rtnetlink.Dial(nil)
			return err
		})
		if err != nil {
			return transport.Route{}, err
		}
	}
	req := rtnetlink.RouteMessage{
		Family:     unix.AF_INET,
		DstLength:  uint8(dst.BitLen()),
		Attributes: rtnetlink.RouteAttributes{Dst: dst.AsSlice(), OutIface: uint32(ifindex)},
	}
	if dst.Is6() {
		req.Family = unix.AF_INET6
	}
	answers, err := r.conn.Route.Get(&req)
	if err != nil {
		return transport.Route{}, err
	}
	if len(answers) == 0 {
		return transport.Route{}, unix.ENETUNREACH
	}
	m := &answers[0]
	switch m.Type { // IPv6 answers with such routes, IPv4 with errors
	case unix.RTN_UNREACHABLE:
		return transport.Route{}, unix.EHOSTUNREACH
	case unix.RTN_BLACKHOLE, unix.RTN_THROW:
		return transport.Route{}, unix.ENETUNREACH
	case unix.RTN_PROHIBIT:
		return transport.Route{}, unix.EACCES
	}
	route := transport.Route{IfIndex: int(m.Attributes.OutIface)}
	if src, ok := netip.AddrFromSlice(m.Attributes.Src); ok {
		route.Src = src.Unmap()
	}
	if via, ok := netip.AddrFromSlice(m.Attributes.Gateway); ok {
		route.NextHop = via.Unmap()
	}
	if x := m.Attributes.Metrics; x != nil { // of the route, or learnt from ICMP
		route.MTU = int(x.MTU)
	}
	link, err := r.conn.Link.Get(m.Attributes.OutIface)
	if err != nil {
		return transport.Route{}, err
	}
	if a := link.Attributes; a != nil && (route.MTU == 0 || int(a.MTU) < route.MTU) {
		route.MTU = int(a.MTU)
	}
	return route, nil
}
