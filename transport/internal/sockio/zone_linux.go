// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"net"
	"strconv"

	"protean/transport/internal/netns"
)

// Zone returns the index of the interface that an address's zone names, as a
// name or a number.
func Zone(ns *netns.Handle, zone string) (int, error) {
	if n, err := strconv.ParseUint(zone, 10, 31); err == nil {
		return int(n), nil
	}
	var ifi *net.Interface
	err := ns.Do(func() (err error) {
		ifi, err = net.InterfaceByName(zone)
		return err
	})
	if err != nil {
		return 0, err
	}
	return ifi.Index, nil
}
