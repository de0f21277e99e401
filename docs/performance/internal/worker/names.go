// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import "protean/transport/afpacket"

// Ours are the workers that are this project's.
func Ours() map[string]Open {
	return map[string]Open{
		"rx-ring":     openRing,
		"rx-floor":    openFloor,
		"rx-drain":    openDrain,
		"rx-rawip":    func(o *Options) (Session, error) { return openHost(o, rawIP) },
		"rx-afp-v3":   func(o *Options) (Session, error) { return openHost(o, packets(afpacket.V3)) },
		"rx-afp-v2":   func(o *Options) (Session, error) { return openHost(o, packets(afpacket.V2)) },
		"rx-afp-none": func(o *Options) (Session, error) { return openHost(o, packets(afpacket.None)) },

		"tx-rawip":    func(o *Options) (Session, error) { return openSender(o, rawIP) },
		"tx-afp":      func(o *Options) (Session, error) { return openSender(o, packets(afpacket.V3)) },
		"tx-afp-ring": func(o *Options) (Session, error) { return openSender(o, packetSockets(afpacket.V3, true)) },

		"echo-rawip":    func(o *Options) (Session, error) { return openResponder(o, rawIP) },
		"echo-afp-v2":   func(o *Options) (Session, error) { return openResponder(o, packets(afpacket.V2)) },
		"echo-afp-v3":   func(o *Options) (Session, error) { return openResponder(o, packets(afpacket.V3)) },
		"echo-afp-none": func(o *Options) (Session, error) { return openResponder(o, packets(afpacket.None)) },
	}
}
