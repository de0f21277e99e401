// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"protean/transport/guard"
	"protean/transport/internal/netns"
)

// OpenGuard keeps the kernel of a namespace from answering "protocol
// unreachable" for a protocol until the result is closed.
func OpenGuard(ns *netns.Handle, protocol int, v4, v6 bool) (*guard.Guard, error) {
	var families guard.Families
	if v4 {
		families |= guard.V4
	}
	if v6 {
		families |= guard.V6
	}
	var g *guard.Guard
	err := ns.Do(func() (err error) {
		g, err = guard.Open(protocol, &guard.Config{Families: families})
		return err
	})
	return g, err
}
