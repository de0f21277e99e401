// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package peers

import (
	"net"
	"protean/docs/performance/internal/worker"

	"golang.org/x/net/ipv4"
)

func openNet(*worker.Options) (worker.Session, error) {
	c, err := listen()
	return &rxNet{c, worker.NewCounter()}, err
}

func openXNet(o *worker.Options) (worker.Session, error) {
	c, err := listen()
	return &rxXNet{c, o.Batch, worker.NewCounter()}, err
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
	*worker.Counter
}

func (r *rxNet) Run() error {
	buf := make([]byte, 65536)
	for {
		n, _, err := r.c.ReadFrom(buf)
		if err != nil {
			return err
		}
		r.Handle(buf[:n])
	}
}

func (r *rxNet) Close()                          { r.c.Close() }
func (r *rxNet) Counted() (packets, lost uint64) { return r.Packets, 0 }

// rxXNet is ReadBatch of golang.org/x/net/ipv4.
type rxXNet struct {
	c     *net.IPConn
	batch int
	*worker.Counter
}

func (r *rxXNet) Run() error {
	p := ipv4.NewPacketConn(r.c)
	ms := make([]ipv4.Message, r.batch)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, 2048)}
	}
	for {
		n, err := p.ReadBatch(ms, 0)
		if err != nil {
			return err
		}
		for i := range ms[:n] {
			r.IP(ms[i].Buffers[0][:ms[i].N])
		}
	}
}

func (r *rxXNet) Close()                          { r.c.Close() }
func (r *rxXNet) Counted() (packets, lost uint64) { return r.Packets, 0 }
