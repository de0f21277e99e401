// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package peers

import (
	"errors"
	"protean/docs/performance/internal/worker"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/afpacket"
	"github.com/gopacket/gopacket/ip4defrag"
	"github.com/gopacket/gopacket/layers"
)

// rxAfpacket is a ring of gopacket, or of its maintained fork, with and without
// the fork's decoding layers.
type rxAfpacket struct {
	read   func() ([]byte, error) // errIdle if nothing came for a while
	end    func() (lost uint64, err error)
	decode bool
	defrag *ip4defrag.IPv4Defragmenter // if fragments are put together
	ended  atomic.Bool
	*worker.Counter
	lost uint64
}

var errIdle = errors.New("idle")

// openFork is the fork.
func openFork(o *worker.Options, decode bool) (worker.Session, error) {
	t, err := afpacket.NewTPacket(
		afpacket.OptInterface(o.Interface), afpacket.TPacketVersion3, afpacket.OptFrameSize(2048),
		afpacket.OptBlockSize(o.Block), afpacket.OptNumBlocks(o.Blocks),
		afpacket.OptBlockTimeout(time.Duration(o.Timeout)*time.Millisecond),
		afpacket.OptPollTimeout(100*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	r := &rxAfpacket{decode: decode, Counter: worker.NewCounter()}
	r.read = func() ([]byte, error) {
		data, _, err := t.ZeroCopyReadPacketData()
		if err == afpacket.ErrTimeout {
			return nil, errIdle
		}
		return data, err
	}
	r.end = func() (uint64, error) {
		_, v3, err := t.SocketStats()
		t.Close()
		return uint64(v3.Drops()), err
	}
	return r, t.SetBPF(worker.Filter())
}

// openDefrag is the fork with its ip4defrag, which keeps what it is given, so that
// each fragment is copied.
func openDefrag(o *worker.Options) (worker.Session, error) {
	s, err := openFork(o, false)
	if err != nil {
		return nil, err
	}
	s.(*rxAfpacket).defrag = ip4defrag.NewIPv4Defragmenter()
	return s, nil
}

// fragment takes in a frame that may hold a fragment.
func (r *rxAfpacket) fragment(frame []byte) error {
	var ip layers.IPv4
	if err := ip.DecodeFromBytes(slices.Clone(frame[14:]), gopacket.NilDecodeFeedback); err != nil {
		return err
	}
	whole, err := r.defrag.DefragIPv4(&ip)
	if err == nil && whole != nil {
		r.Handle(whole.Payload)
	}
	return err
}

func (r *rxAfpacket) Run() error {
	var eth layers.Ethernet
	var ip layers.IPv4
	var payload gopacket.Payload
	parser := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &eth, &ip, &payload)
	parser.IgnoreUnsupported = true
	var decoded []gopacket.LayerType
	for !r.ended.Load() {
		data, err := r.read()
		if err == errIdle {
			continue
		}
		if err != nil {
			return err
		}
		if r.defrag != nil {
			if err := r.fragment(data); err != nil {
				return err
			}
			continue
		}
		if !r.decode {
			r.IP(data[14:])
			continue
		}
		if err := parser.DecodeLayers(data, &decoded); err == nil && ip.Protocol == worker.Protocol {
			r.Handle(ip.Payload)
		}
	}
	var err error
	r.lost, err = r.end()
	return err
}

func (r *rxAfpacket) Close()                          { r.ended.Store(true) }
func (r *rxAfpacket) Counted() (packets, lost uint64) { return r.Packets, r.lost }
