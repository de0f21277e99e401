// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"time"

	"github.com/spf13/cobra"

	"protean/demo/customproto/xfer"
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
	f.StringVar(&n.transport, "transport", "raw", "how packets are sent: raw, for raw sockets")
	f.StringVarP(&n.iface, "interface", "i", "", "use this network interface only")
	f.Uint8Var(&n.protocol, "protocol", xfer.Protocol, "IP protocol number; 253 and 254 are for experiments")
	f.DurationVar(&n.timeout, "timeout", 10*time.Second, "give up when the other side is silent for so long")
}

// open opens the transport. The rest of cfg comes from the flags.
func (n *network) open(cfg rawip.Config) (*rawip.Transport, error) {
	switch {
	case n.transport != "raw":
		return nil, usagef("--transport %q is not known; there is raw", n.transport)
	case n.protocol == 0:
		return nil, usagef("--protocol 0 is not a protocol of its own")
	case n.timeout <= 0:
		return nil, usagef("--timeout %v is not positive", n.timeout)
	}
	cfg.Interface = n.iface
	return rawip.Open(&cfg)
}
