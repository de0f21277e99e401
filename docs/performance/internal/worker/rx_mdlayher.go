// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"net"

	"github.com/mdlayher/packet"
)

// rxMdlayher is github.com/mdlayher/packet.
type rxMdlayher struct {
	c *packet.Conn
	*counter
}

func openMdlayher(o *Options) (session, error) {
	ifi, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, err
	}
	c, err := packet.Listen(ifi, packet.Raw, 0x0800, &packet.Config{Filter: filter()})
	if err != nil {
		return nil, err
	}
	return &rxMdlayher{c, newCounter()}, force(c)
}

func (r *rxMdlayher) run() error {
	buf := make([]byte, 65536)
	for {
		n, _, err := r.c.ReadFrom(buf)
		if err != nil {
			return err
		}
		if n > 14 {
			r.ip(buf[14:n])
		}
	}
}

func (r *rxMdlayher) close()                          { r.c.Close() }
func (r *rxMdlayher) counted() (packets, lost uint64) { return r.packets, 0 }
