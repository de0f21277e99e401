// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"time"

	"github.com/spf13/cobra"

	"protean/demo/customproto/xfer"
	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/rawip"
)

// network holds the flags that send and recv have in common.
type network struct {
	transport string
	iface     string
	protocol  uint8
	timeout   time.Duration
}

func (n *network) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&n.transport, "transport", "raw", "how packets are sent: raw, for raw sockets; packet, for packet sockets on --interface")
	f.StringVarP(&n.iface, "interface", "i", "", "use this network interface only")
	f.Uint8Var(&n.protocol, "protocol", xfer.Protocol, "IP protocol number; 253 and 254 are for experiments")
	f.DurationVar(&n.timeout, "timeout", 10*time.Second, "give up when the other side is silent for so long")
}

// open opens the transport. The rest of cfg comes from the flags.
func (n *network) open(cfg rawip.Config) (transport.Transport, error) {
	switch {
	case n.transport != "raw" && n.transport != "packet":
		return nil, usagef("--transport %q is not known; there are raw and packet", n.transport)
	case n.transport == "packet" && n.iface == "":
		return nil, usagef("--transport packet takes an --interface")
	case n.protocol == 0:
		return nil, usagef("--protocol 0 is not a protocol of its own")
	case n.timeout <= 0:
		return nil, usagef("--timeout %v is not positive", n.timeout)
	}
	if n.transport == "packet" {
		return afpacket.Open(&afpacket.Config{Interface: n.iface, V4: cfg.V4, V6: cfg.V6, Ring: afpacket.V2})
	}
	cfg.Interface = n.iface
	return rawip.Open(&cfg)
}
