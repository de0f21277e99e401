// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"net"

	"golang.org/x/net/ipv4"
)

func openNet(*Options) (session, error) {
	c, err := listen()
	return &rxNet{c, newCounter()}, err
}

func openXNet(*Options) (session, error) {
	c, err := listen()
	return &rxXNet{c, newCounter()}, err
}

// listen opens a raw socket through package net, with a large buffer.
func listen() (*net.IPConn, error) {
	c, err := net.ListenIP("ip4:253", nil)
	if err != nil {
		return nil, err
	}
	return c, force(c)
}

// rxNet is net.IPConn.ReadFrom.
type rxNet struct {
	c *net.IPConn
	*counter
}

func (r *rxNet) run() error {
	buf := make([]byte, 65536)
	for {
		n, _, err := r.c.ReadFrom(buf)
		if err != nil {
			return err
		}
		r.handle(buf[:n])
	}
}

func (r *rxNet) close()                          { r.c.Close() }
func (r *rxNet) counted() (packets, lost uint64) { return r.packets, 0 }

// rxXNet is ReadBatch of golang.org/x/net/ipv4.
type rxXNet struct {
	c *net.IPConn
	*counter
}

func (r *rxXNet) run() error {
	p := ipv4.NewPacketConn(r.c)
	ms := make([]ipv4.Message, batch)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, 2048)}
	}
	for {
		n, err := p.ReadBatch(ms, 0)
		if err != nil {
			return err
		}
		for i := range ms[:n] {
			r.ip(ms[i].Buffers[0][:ms[i].N])
		}
	}
}

func (r *rxXNet) close()                          { r.c.Close() }
func (r *rxXNet) counted() (packets, lost uint64) { return r.packets, 0 }
