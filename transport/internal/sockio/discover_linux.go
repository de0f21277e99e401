// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"golang.org/x/sys/unix"

	"protean/transport"
)

// Discover is the value of IP_MTU_DISCOVER for a slot. An IPv4 header without
// DF lets routers fragment whatever the slot says.
func Discover(slot *transport.Slot) int {
	switch {
	case slot.Frag == transport.FragNever:
		return unix.IP_PMTUDISC_DO
	case slot.Frag == transport.FragProbe:
		return unix.IP_PMTUDISC_PROBE
	case slot.Frag == transport.FragAllow, slot.Data[0]>>4 == 4 && slot.Data[6]&0x40 == 0:
		return unix.IP_PMTUDISC_DONT
	default:
		return unix.IP_PMTUDISC_WANT
	}
}
