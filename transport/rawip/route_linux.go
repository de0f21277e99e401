// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"protean/transport"
)

// Route implements [transport.Router] with the kernel's routes, as package
// route has them. The source is Local4 or Local6 where configured.
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
		return transport.Route{}, addrError("route", "it is not valid", dst)
	case v6 && !t.caps.V6 || !v6 && !t.caps.V4:
		return transport.Route{}, opError("route", "socket", unix.EAFNOSUPPORT)
	}
	if ifindex == 0 {
		ifindex = t.ifindex
	}
	r, err := t.router.Lookup(dst, ifindex)
	if err != nil {
		return transport.Route{}, routeError(dst, err)
	}
	if l := t.cfg.Local4; !v6 && l.IsValid() {
		r.Src = l
	}
	if l := t.cfg.Local6; v6 && l.IsValid() {
		r.Src = l.WithZone("")
	}
	return r.Route, nil
}

func routeError(dst netip.Addr, err error) error {
	if errors.Is(err, net.ErrClosed) {
		return err
	}
	return &net.OpError{Op: "route", Net: name, Addr: &net.IPAddr{IP: dst.AsSlice()}, Err: err}
}
