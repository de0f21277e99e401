// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"protean/demo/icmpecho/echo"
	"protean/transport/sim"
)

// pingOptions are the flags of ping.
type pingOptions struct {
	only4, only6                bool
	count                       uint64
	interval, timeout, deadline seconds
	size                        int
	ttl, tos                    octet
	from                        string
	waiting, quiet, stamps      bool
	numeric                     bool
	transport                   string

	link linkOptions
}

// linkOptions are the faults of the simulated link.
type linkOptions struct {
	delay                    seconds
	loss, duplicate, reorder percent
	seed                     uint64
}

// minInterval keeps a mistyped interval from becoming a flood.
const minInterval = 10 * time.Microsecond

func pingCommand() *cobra.Command {
	o := pingOptions{interval: seconds(echo.DefaultInterval), timeout: seconds(echo.DefaultTimeout)}
	o.link.delay = seconds(10 * time.Millisecond)
	c := &cobra.Command{
		Use:   "ping [flags] HOST...",
		Short: "Send echo requests and show the answers",
		Long: `Send ICMP echo requests to one or more hosts, addresses or names, and show the
answers as ping does. The exit code is 0 when every host has answered, 1 when
one has not (with -w and -c: fewer than -c times), and 2 for any other failure.

With --transport sim the hosts are simulated, on a link with the faults asked
for, in virtual time: no privileges are needed and it ends at once.`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c, args); err != nil {
				return err
			}
			if o.transport == "sim" {
				return pingSim(c, &o, args)
			}
			return pingLive(c, &o, args)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.only4, "ipv4", "4", false, "use IPv4 only")
	f.BoolVarP(&o.only6, "ipv6", "6", false, "use IPv6 only")
	f.Uint64VarP(&o.count, "count", "c", 0, "stop after so many requests (default no limit; with sim 5)")
	f.VarP(&o.interval, "interval", "i", "time between two requests")
	f.VarP(&o.timeout, "timeout", "W", "how long a request waits; an answer after that is late")
	f.VarP(&o.deadline, "deadline", "w", "stop after this time; -c then counts answers (default none)")
	f.IntVarP(&o.size, "size", "s", 56, "bytes of data in a request")
	f.VarP(&o.ttl, "ttl", "t", "time to live or hop limit (default 64, for multicast 1)")
	f.VarP(&o.tos, "tos", "Q", "type of service or traffic class, DSCP and ECN")
	f.StringVarP(&o.from, "interface", "I", "", "interface to send through, or source address")
	f.BoolVarP(&o.waiting, "outstanding", "O", false, "tell of each request that is unanswered when the next one goes out")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show the first line and the statistics only")
	f.BoolVarP(&o.stamps, "timestamp", "D", false, "put the time in front of each line")
	f.BoolVarP(&o.numeric, "numeric", "n", false, "show no names")
	f.StringVar(&o.transport, "transport", "raw", "raw: raw sockets, or ping where they are not permitted; ping: ICMP datagram sockets; packet: packet sockets on the interface that -I names; sim: a simulated network")
	f.Var(&o.link.delay, "delay", "sim: time that a packet takes each way")
	f.Var(&o.link.loss, "loss", "sim: percentage of packets lost each way")
	f.Var(&o.link.duplicate, "dup", "sim: percentage of packets doubled each way")
	f.Var(&o.link.reorder, "reorder", "sim: percentage of packets held back each way")
	f.Uint64Var(&o.link.seed, "seed", 1, "sim: selects the faults; the same seed gives the same result")
	return c
}

// check refuses flags that do not fit.
func (o *pingOptions) check(c *cobra.Command, args []string) error {
	switch {
	case o.transport != "raw" && o.transport != "ping" && o.transport != "packet" && o.transport != "sim":
		return fmt.Errorf("unknown transport %q: it is raw, ping, packet or sim", o.transport)
	case o.transport == "packet" && !o.namesDevice():
		return errors.New("--transport packet takes an interface: -I NAME")
	case len(args) == 0 && o.transport != "sim":
		return errors.New("whom to ask? Give a host: " + program + " ping HOST")
	case o.only4 && o.only6:
		return errors.New("-4 and -6 exclude each other")
	case o.size < 0 || o.size > echo.MaxSize:
		return fmt.Errorf("-s %d is not in 0 to %d", o.size, echo.MaxSize)
	case time.Duration(o.interval) < minInterval:
		return fmt.Errorf("-i is less than %v", minInterval)
	case o.timeout == 0:
		return errors.New("-W is zero")
	case c.Flags().Changed("ttl") && o.ttl == 0:
		return errors.New("-t 0 reaches nobody")
	}
	if o.transport != "sim" {
		for _, name := range []string{"delay", "loss", "dup", "reorder", "seed"} {
			if c.Flags().Changed(name) {
				return fmt.Errorf("--%s is for --transport sim", name)
			}
		}
	}
	return nil
}

// namesDevice reports whether -I names an interface.
func (o *pingOptions) namesDevice() bool {
	_, isAddr := o.source()
	return o.from != "" && !isAddr
}

// config is what the flags ask of a Pinger for one of several targets.
func (o *pingOptions) config(i, targets int) echo.Config {
	return echo.Config{
		TTL: uint8(o.ttl), TOS: uint8(o.tos), Count: o.count, Size: o.size,
		Interval: time.Duration(o.interval), Timeout: time.Duration(o.timeout), Deadline: time.Duration(o.deadline),
		Offset:  time.Duration(o.interval) * time.Duration(i) / time.Duration(targets),
		Waiting: o.waiting,
	}
}

func (l *linkOptions) config() *sim.LinkConfig {
	return &sim.LinkConfig{
		Delay: time.Duration(l.delay), Loss: float64(l.loss),
		Duplicate: float64(l.duplicate), Reorder: float64(l.reorder),
	}
}
