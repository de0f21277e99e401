// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package peers

import (
	"net"
	"protean/docs/performance/internal/worker"

	"github.com/mdlayher/packet"
)

// rxMdlayher is github.com/mdlayher/packet.
type rxMdlayher struct {
	c *packet.Conn
	*worker.Counter
}

func openMdlayher(o *worker.Options) (worker.Session, error) {
	ifi, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, err
	}
	c, err := packet.Listen(ifi, packet.Raw, 0x0800, &packet.Config{Filter: worker.Filter()})
	if err != nil {
		return nil, err
	}
	return &rxMdlayher{c, worker.NewCounter()}, force(c)
}

func (r *rxMdlayher) Run() error {
	buf := make([]byte, 65536)
	for {
		n, _, err := r.c.ReadFrom(buf)
		if err != nil {
			return err
		}
		if n > 14 {
			r.IP(buf[14:n])
		}
	}
}

func (r *rxMdlayher) Close()                          { r.c.Close() }
func (r *rxMdlayher) Counted() (packets, lost uint64) { return r.Packets, 0 }
