// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package peers holds the workers that are what one would use instead: packages
// of others, and the standard library.
package peers

import (
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"

	"protean/docs/performance/internal/worker"
)

// All returns the workers by name.
func All() map[string]worker.Open {
	return map[string]worker.Open{
		"rx-net":             openNet,
		"rx-xnet":            openXNet,
		"rx-mdlayher":        openMdlayher,
		"rx-google":          openGoogle,
		"rx-afpacket":        func(o *worker.Options) (worker.Session, error) { return openFork(o, false) },
		"rx-afpacket-decode": func(o *worker.Options) (worker.Session, error) { return openFork(o, true) },
		"rx-defrag":          openDefrag,
		"rx-gvisor-mmap":     func(o *worker.Options) (worker.Session, error) { return openGvisor(o, fdbased.PacketMMap) },
		"rx-gvisor-recvmmsg": func(o *worker.Options) (worker.Session, error) { return openGvisor(o, fdbased.RecvMMsg) },

		"tx-net":      openTxNet,
		"tx-xnet":     openTxXNet,
		"tx-mdlayher": openTxMdlayher,
		"tx-trafgen":  openTrafgen,

		"echo-net":      openEchoNet,
		"echo-mdlayher": openEchoMdlayher,
		"echo-gvisor-mmap": func(o *worker.Options) (worker.Session, error) {
			return openEchoGvisor(o, fdbased.PacketMMap)
		},
		"echo-gvisor-recvmmsg": func(o *worker.Options) (worker.Session, error) {
			return openEchoGvisor(o, fdbased.RecvMMsg)
		},
	}
}
