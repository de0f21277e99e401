// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build cgo

package peers

import (
	"protean/docs/performance/internal/worker"
	"time"

	"github.com/google/gopacket/afpacket"
)

// openGoogle is the original gopacket, whose ring needs cgo.
func openGoogle(o *worker.Options) (worker.Session, error) {
	t, err := afpacket.NewTPacket(
		afpacket.OptInterface(o.Interface), afpacket.TPacketVersion3, afpacket.OptFrameSize(2048),
		afpacket.OptBlockSize(o.Block), afpacket.OptNumBlocks(o.Blocks),
		afpacket.OptBlockTimeout(time.Duration(o.Timeout)*time.Millisecond),
		afpacket.OptPollTimeout(100*time.Millisecond),
	)
	if err != nil {
		return nil, err
	}
	r := &rxAfpacket{Counter: worker.NewCounter()}
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
