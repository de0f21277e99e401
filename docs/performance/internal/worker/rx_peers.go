// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/afpacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/mdlayher/packet"
)

// rxAfpacket is the ring of gopacket's maintained fork, with and without its
// decoding layers.
type rxAfpacket struct {
	t      *afpacket.TPacket
	decode bool
	ended  atomic.Bool
	*counter
	lost uint64
}

func openAfpacket(o *Options, decode bool) (session, error) {
	t, err := afpacket.NewTPacket(
		afpacket.OptInterface(o.Interface), afpacket.TPacketVersion3, afpacket.OptFrameSize(2048),
		afpacket.OptBlockSize(o.Block), afpacket.OptNumBlocks(o.Blocks),
		afpacket.OptBlockTimeout(time.Duration(o.Timeout)*time.Millisecond),
		afpacket.OptPollTimeout(100*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	return &rxAfpacket{t: t, decode: decode, counter: newCounter()}, t.SetBPF(filter())
}

func (r *rxAfpacket) run() error {
	var eth layers.Ethernet
	var ip layers.IPv4
	var payload gopacket.Payload
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &eth, &ip, &payload)
	parser.IgnoreUnsupported = true
	var decoded []gopacket.LayerType
	defer r.t.Close()
	for !r.ended.Load() {
		data, _, err := r.t.ZeroCopyReadPacketData()
		if err == afpacket.ErrTimeout {
			continue
		}
		if err != nil {
			return err
		}
		if !r.decode {
			r.ip(data[14:])
			continue
		}
		if err := parser.DecodeLayers(data, &decoded); err == nil && ip.Protocol == protocol {
			r.handle(ip.Payload)
		}
	}
	_, v3, err := r.t.SocketStats()
	r.lost = uint64(v3.Drops())
	return err
}

func (r *rxAfpacket) close()                          { r.ended.Store(true) }
func (r *rxAfpacket) counted() (packets, lost uint64) { return r.packets, r.lost }

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
