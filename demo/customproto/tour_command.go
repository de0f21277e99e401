// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"math"
	"time"

	"github.com/spf13/cobra"
)

// newTourCommand returns the command without a subcommand: the tour, and with
// --lab the same over raw sockets.
func newTourCommand() *cobra.Command {
	o := tour{pace: true}
	size, rate := quantity(8<<20), quantity(20e6)
	lab, v6 := false, false
	cmd := &cobra.Command{
		Use:   "customproto",
		Short: "A reliable file transfer on IP protocol 253",
		Long: "A reliable file transfer on IP protocol 253. Without a command it shows itself:\n" +
			"a transfer between two hosts on a network in memory, over a link that loses,\n" +
			"duplicates and reorders packets. The same seed gives the same figures.",
		Args: arguments(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := cmd.Flags()
			if !lab {
				o.size, o.rate, o.v6 = int64(size), int64(rate), v6
				if math.IsNaN(o.loss) || o.loss < 0 || o.loss > 0.5 {
					return usagef("--loss %v is not in 0 to 0.5", o.loss)
				}
				if o.delay < 0 || o.delay > time.Minute {
					return usagef("--delay %v is not in 0s to 1m", o.delay)
				}
				return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
			}
			for _, name := range []string{"seed", "loss", "delay", "rate"} {
				if flags.Changed(name) {
					return usagef("--%s is for the network in memory, not for --lab", name)
				}
			}
			if !flags.Changed("size") {
				size = 100 << 20
			}
			return labTransfer(cmd.Context(), int64(size), v6, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.BoolVar(&lab, "lab", false, "over raw sockets between network namespaces made for it, without root")
	f.BoolVarP(&v6, "ipv6", "6", false, "over IPv6")
	f.Uint64Var(&o.seed, "seed", 1, "of the random numbers")
	f.Float64Var(&o.loss, "loss", 0.01, "part of the packets that the link loses, 0 to 0.5")
	f.DurationVar(&o.delay, "delay", 10*time.Millisecond, "of the link, one way")
	f.Var(&rate, "rate", "of the link in bit/s, 0 for no limit")
	f.Var(&size, "size", "of the file in bytes; with --lab 100Mi if not given")
	return cmd
}
