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
		return c.opError("write", os.ErrDeadlineExceeded)
	}
	if e := c.netErr.Swap(nil); e != nil {
		return c.opError("write", e)
	}
	return nil
}

func (c *Conn) write(b []byte, hd *Header) (int, error) {
	for {
		if err := c.mayWrite(); err != nil {
			return 0, err
		}
		turns := c.h.turns.Load()
		err := c.try(b, hd)
		if err == nil {
			return len(b), nil
		}
		if err != transport.ErrNoSlots {
			return 0, c.opError("write", err)
		}
		if err := c.await("write", c.h.room(turns), &c.wdl); err != nil {
			return 0, err
		}
	}
}

// try sends one packet if there is room for it.
func (c *Conn) try(b []byte, hd *Header) error {
	if !c.b.enter() { // so that Close waits, and counts it
		return errClosed
	}
	defer c.b.leave()
	c.wmu.lockToSend()
	defer c.wmu.Unlock()
	c.out.nowOK = false
	filled := *hd // hd is for the next try
	s, err := c.out.reserveFor(c.b, &filled, len(b))
	if err == nil {
		copy(s.Payload(), b)
		err = s.Commit()
	}
	if err != nil {
		c.out.giveBack()
		return err
	}
	if _, err = c.out.flush(); err != nil {
		c.out.unstage() // it is for the caller to try again; of fragments, the rest is of no use
		return err
	}
	c.out.giveBack()
	return nil
}
