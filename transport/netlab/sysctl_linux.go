// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"errors"
	"io/fs"
	"os"
)

// setSysctls prepares the calling thread's new namespace for a node. Some values
// would otherwise be copied from the host's namespace (devconf_inherit_init_net)
// and differ between machines.
func setSysctls(role Role) error {
	forward := "0"
	if role == Router {
		forward = "1"
	}
	settings := []struct {
		name, value string
		optional    bool // not in all kernels
	}{
		// Both limits of ICMP errors: per destination, and that of the
		// namespace or host, which only counts types in the mask.
		{"net.ipv4.icmp_ratelimit", "0", false},
		{"net.ipv4.icmp_ratemask", "0", false},
		{"net.ipv4.conf.all.rp_filter", "0", false},
		{"net.ipv4.conf.default.rp_filter", "0", false},
		{"net.ipv4.ip_forward", forward, false},
		{"net.ipv6.icmp.ratelimit", "0", false},
		{"net.ipv6.icmp.ratemask", "", true}, // since 5.0
		{"net.ipv6.conf.all.disable_ipv6", "0", false},
		{"net.ipv6.conf.default.disable_ipv6", "0", false},
		{"net.ipv6.conf.all.accept_dad", "0", false},
		{"net.ipv6.conf.default.accept_dad", "0", false},
		{"net.ipv6.conf.default.addr_gen_mode", "0", true}, // from the hardware address; since 4.11
		{"net.ipv6.conf.default.accept_ra", "0", false},
		{"net.ipv6.conf.default.router_solicitations", "0", false},
		{"net.ipv6.conf.all.keep_addr_on_down", "1", true}, // since 4.6
		{"net.ipv6.conf.all.forwarding", forward, false},
	}
	ipv6 := hasIPv6()
	for _, s := range settings {
		if !ipv6 && s.name[:len("net.ipv6")] == "net.ipv6" {
			continue
		}
		err := writeSysctl(s.name, s.value)
		if s.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hasIPv6 reports whether the kernel has IPv6 at all.
func hasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6/conf")
	return err == nil
}
