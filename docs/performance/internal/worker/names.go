// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"maps"
	"slices"

	"protean/transport/afpacket"
)

// open makes the sessions, by the names of the workers.
var open = map[string]func(*Options) (session, error){
	"rx-net":             openNet,
	"rx-xnet":            openXNet,
	"rx-mdlayher":        openMdlayher,
	"rx-afpacket":        func(o *Options) (session, error) { return openFork(o, false) },
	"rx-afpacket-decode": func(o *Options) (session, error) { return openFork(o, true) },
	"rx-google":          openGoogle,
	"rx-ring":            openRing,
	"rx-rawip":           func(o *Options) (session, error) { return openHost(o, rawIP) },
	"rx-afp-v3":          func(o *Options) (session, error) { return openHost(o, packets(afpacket.V3)) },
	"rx-afp-v2":          func(o *Options) (session, error) { return openHost(o, packets(afpacket.V2)) },
	"rx-afp-none":        func(o *Options) (session, error) { return openHost(o, packets(afpacket.None)) },

	"tx-afp":      func(o *Options) (session, error) { return openSender(o, packets(afpacket.None)) },
	"tx-afp-ring": func(o *Options) (session, error) { return openSender(o, packetSockets(afpacket.None, true)) },
	"tx-net":      openTxNet,
	"tx-xnet":     openTxXNet,
	"tx-mdlayher": openTxMdlayher,
	"tx-rawip":    func(o *Options) (session, error) { return openSender(o, rawIP) },

	"echo-afp-v2":   func(o *Options) (session, error) { return openResponder(o, packets(afpacket.V2)) },
	"echo-afp-v3":   func(o *Options) (session, error) { return openResponder(o, packets(afpacket.V3)) },
	"echo-afp-none": func(o *Options) (session, error) { return openResponder(o, packets(afpacket.None)) },
	"echo-net":      openEchoNet,
	"echo-mdlayher": openEchoMdlayher,
	"echo-rawip":    func(o *Options) (session, error) { return openResponder(o, rawIP) },
}

// Names returns the workers there are.
func Names() []string { return slices.Sorted(maps.Keys(open)) }
