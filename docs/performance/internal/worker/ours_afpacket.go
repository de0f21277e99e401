// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"time"

	"protean/transport"
	"protean/transport/afpacket"
)

// packets opens our packet sockets, for IPv4 as the others do.
func packets(how afpacket.Ring) transportOf { return packetSockets(how, false) }

func packetSockets(how afpacket.Ring, txRing bool) transportOf {
	return func(o *Options) (transport.Transport, error) {
		return afpacket.Open(&afpacket.Config{
			Interface: o.Interface, V4: true, Ring: how, TxRing: txRing, Queues: o.Queues,
			BlockSize: o.Block, Blocks: o.Blocks, RetireTimeout: time.Duration(o.Timeout) * time.Millisecond,
			RcvBuf: 2 * BufferSize, QdiscBypass: true, Batch: o.Batch,
		})
	}
}
