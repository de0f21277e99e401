// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"io"

	"protean/transport/guard"
)

// openGuard keeps the kernel from answering "protocol unreachable" for a
// protocol until the result is closed.
func (t *Transport) openGuard(protocol uint8) (io.Closer, error) {
	var families guard.Families
	if t.caps.V4 {
		families |= guard.V4
	}
	if t.caps.V6 {
		families |= guard.V6
	}
	var g *guard.Guard
	err := t.ns.Do(func() (err error) {
		g, err = guard.Open(int(protocol), &guard.Config{Families: families})
		return err
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}
