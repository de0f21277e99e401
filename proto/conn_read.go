// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net"
	"os"
)

// Read reads the payload of the next packet into b.
func (c *Conn) Read(b []byte) (n int, err error) {
	n, _, err = c.read(b)
	return n, err
}

// ReadFrom reads the payload of the next packet into b and returns where it
// came from, a *net.IPAddr that must not be changed.
func (c *Conn) ReadFrom(b []byte) (n int, addr net.Addr, err error) {
	n, r, err := c.read(b)
	if err != nil {
		return 0, nil, err
	}
	return n, c.addrOf(r.src, r.ifindex), nil
}

func (c *Conn) read(b []byte) (int, record, error) {
	for {
		switch {
		case c.closed():
			return 0, record{}, c.opError("read", net.ErrClosed)
		case c.rdl.passed():
			c.wdl.with(&c.rdl)
			return 0, record{}, c.opError("read", os.ErrDeadlineExceeded)
		}
		if e := c.netErr.Swap(nil); e != nil {
			return 0, record{}, c.opError("read", e)
		}
		if n, r, ok := c.rq.get(b); ok {
			return n, r, nil
		}
		if err := c.await("read", c.rq.ready, &c.rdl); err != nil {
			return 0, record{}, err
		}
	}
}

// await blocks until something is ready or will not be any more, which the
// caller finds out.
func (c *Conn) await(op string, ready <-chan struct{}, d *deadline) error {
	if c.h.stepped() {
		return c.opError(op, ErrStepped)
	}
	if onLoop() {
		return c.opError(op, ErrOnLoop)
	}
	select {
	case <-ready:
	case <-d.wait():
	case <-c.done:
	}
	return nil
}
