// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net"
	"net/netip"
	"os"

	"protean/transport"
)

// Write sends b as the payload of one packet to the address given to Dial. It
// waits for room, until the write deadline.
func (c *Conn) Write(b []byte) (int, error) {
	if !c.remote.IsValid() {
		return 0, c.opError("write", &HeaderError{"Dst", "is not given: the Conn was made by Listen"})
	}
	return c.write(b, &c.cfg.Header)
}

// WriteTo sends b as the payload of one packet to addr, a *net.IPAddr or
// *net.UDPAddr (the port is ignored).
func (c *Conn) WriteTo(b []byte, addr net.Addr) (int, error) {
	hd := c.cfg.Header
	var ip net.IP
	var zone string
	switch a := addr.(type) {
	case *net.IPAddr:
		if a != nil {
			ip, zone = a.IP, a.Zone
		}
	case *net.UDPAddr:
		if a != nil {
			ip, zone = a.IP, a.Zone
		}
	}
	dst, ok := netip.AddrFromSlice(ip)
	if !ok {
		return 0, c.opError("write", &net.AddrError{Err: "not an IP address", Addr: addrString(addr)})
	}
	hd.Dst = dst.Unmap()
	if zone != "" {
		hd.Dst = hd.Dst.WithZone(zone)
	}
	return c.write(b, &hd)
}

func addrString(a net.Addr) string {
	if a == nil {
		return "<nil>"
	}
	return a.String()
}

// mayWrite returns why writing is not possible now, if so.
func (c *Conn) mayWrite() error {
	switch {
	case c.closed():
		return c.opError("write", net.ErrClosed)
	case c.wdl.passed():
		c.rdl.with(&c.wdl)
		return c.opError("write", os.ErrDeadlineExceeded)
	}
	if e := c.netErr.Swap(nil); e != nil {
		return c.opError("write", e)
	}
	return nil
}

func (c *Conn) write(b []byte, hd *Header) (int, error) {
	var p *partial
	for {
		if err := c.mayWrite(); err != nil {
			c.giveUp(p)
			return 0, err
		}
		turns := c.h.turns.Load()
		var err error
		if p, err = c.try(b, hd, p); err == nil {
			return len(b), nil
		}
		if err != transport.ErrNoSlots {
			return 0, c.opError("write", err)
		}
		if err := c.await("write", c.h.room(turns), &c.wdl); err != nil {
			c.giveUp(p)
			return 0, err
		}
	}
}

// try sends one packet if there is room for it, or goes on with p, the rest of what an
// earlier try has begun.
func (c *Conn) try(b []byte, hd *Header, p *partial) (*partial, error) {
	if !c.b.enter() { // so that Close waits, and counts it
		return nil, errClosed
	}
	defer c.b.leave()
	c.wmu.lockToSend()
	defer c.wmu.Unlock()
	o := &c.out
	o.nowOK = false
	if err := c.push(); err != nil {
		return p, err
	}
	if p != nil {
		return nil, p.err // it is done, by this call or by another writer's
	}
	gone := o.gone
	filled := *hd // hd is for the next try
	s, err := o.reserveFor(c.b, &filled, len(b))
	if err == nil {
		copy(s.Payload(), b)
		err = s.Commit()
	}
	if err == nil {
		err = c.rest()
	}
	if err == transport.ErrNoSlots && o.gone != gone {
		c.part = new(partial)
		return c.part, err
	}
	if err != nil {
		o.unstage() // it is for the caller to try again
	}
	return nil, err
}
