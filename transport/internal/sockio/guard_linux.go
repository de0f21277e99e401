// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"protean/transport/guard"
	"protean/transport/internal/netns"
)

// OpenGuard keeps the kernel of a namespace from answering "protocol
// unreachable" for a protocol until the result is closed, and with fragments
// hides those from it (guard.Config.Fragments).
func OpenGuard(ns *netns.Handle, protocol int, v4, v6, fragments bool) (*guard.Guard, error) {
	var families guard.Families
	if v4 {
		families |= guard.V4
	}
	if v6 {
		families |= guard.V6
	}
	var g *guard.Guard
	err := ns.Do(func() (err error) {
		g, err = guard.Open(protocol, &guard.Config{Families: families, Fragments: fragments})
		return err
	})
	return g, err
}
