// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// A target is a host to ask.
type target struct {
	host string     // as the user named it
	addr netip.Addr // with a zone, if it needs one
	name string     // to show in replies, if any
}

// resolveTimeout bounds how long names are looked up.
const resolveTimeout = 10 * time.Second

// resolve finds the addresses of hosts.
func resolve(ctx context.Context, o *pingOptions, hosts []string) ([]target, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	var all []target
	for _, host := range hosts {
		t, err := resolveOne(ctx, o, host)
		if err == nil {
			err = o.reachable(t.addr)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func resolveOne(ctx context.Context, o *pingOptions, host string) (target, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap()
		return target{host: host, addr: a}, o.family(a)
	}
	network := "ip"
	switch {
	case o.only4:
		network = "ip4"
	case o.only6:
		network = "ip6"
	}
	var r net.Resolver
	found, err := r.LookupNetIP(ctx, network, host)
	if err != nil {
		return target{}, lookupError(host, err)
	}
	for _, a := range found {
		a = a.Unmap()
		if o.family(a) != nil {
			continue
		}
		t := target{host: host, addr: a}
		if !o.numeric {
			// What the address is called need not be what the user called it.
			if names, err := r.LookupAddr(ctx, a.String()); err == nil && len(names) > 0 {
				t.name = strings.TrimSuffix(names[0], ".")
			}
		}
		return t, nil
	}
	return target{}, fmt.Errorf("%s: has no address of this family", host)
}

func lookupError(host string, err error) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("%s: name not found", host)
	case errors.As(err, &dns):
		return fmt.Errorf("%s: cannot look up the name: %s", host, dns.Err)
	}
	return fmt.Errorf("%s: %w", host, err)
}

// family refuses addresses that -4, -6 or -I exclude.
func (o *pingOptions) family(a netip.Addr) error {
	switch {
	case a.IsUnspecified():
		return fmt.Errorf("%v: is not an address of a host", a)
	case o.only4 && !a.Is4():
		return fmt.Errorf("%v: is not an IPv4 address, and -4 asks for one", a)
	case o.only6 && !a.Is6():
		return fmt.Errorf("%v: is not an IPv6 address, and -6 asks for one", a)
	}
	if src, ok := o.source(); ok && src.Is4() != a.Is4() {
		return fmt.Errorf("%v: is of another family than the source address %v", a, src)
	}
	return nil
}

// reachable refuses addresses that mean something on one link only if it is not
// said which.
func (o *pingOptions) reachable(a netip.Addr) error {
	if zone := a.Zone(); zone != "" {
		if _, err := net.InterfaceByName(zone); err != nil {
			return fmt.Errorf("%v: there is no interface %s", a, zone)
		}
		return nil
	}
	if _, isAddr := o.source(); o.from != "" && !isAddr || !a.IsMulticast() && !a.IsLinkLocalUnicast() {
		return nil
	}
	return fmt.Errorf("%v: needs an interface to go through: -I NAME, or for IPv6 %%NAME behind the address", a)
}

// source is the source address that -I gives, if it gives one.
func (o *pingOptions) source() (netip.Addr, bool) {
	a, err := netip.ParseAddr(o.from)
	return a.Unmap(), err == nil
}
