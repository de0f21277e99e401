// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"testing"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
)

// TestTheEtherTypeSaysTheVersion has frames carry whole packets of the other
// version than their EtherType says, for a transport that takes every protocol
// to every address.
func TestTheEtherTypeSaysTheVersion(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	rings(t, func(t *testing.T, r Ring) {
		for _, all := range []bool{false, true} {
			tr := open(t, b, Config{Ring: r, All: all}, transport.AnyProtocol)
			if err := tr.ReceiveForeign(true); err != nil {
				t.Fatal(err)
			}
			var c collector
			payloads := func() (all []string) {
				for _, p := range c.packets {
					if p.Protocol() == 253 { // and not the kernel's own
						all = append(all, string(p.Payload()))
					}
				}
				return all
			}
			good := func(n int) {
				w.write(w.peer, typeIPv4, between(a, b, false, []byte("good")))
				w.write(w.peer, typeIPv6, between(a, b, true, []byte("good")))
				c.until(t, tr, func() bool { return len(payloads()) >= n })
			}
			for i := range 2 { // the second time, packets like the first are expected
				good(4*i + 2)
				w.write(w.peer, typeIPv4, between(a, b, true, []byte("6 as 4")))
				w.write(w.peer, typeIPv6, between(a, b, false, []byte("4 as 6")))
				good(4*i + 4)
			}
			settle(t, tr)
			for _, p := range payloads() {
				if p != "good" {
					t.Errorf("all %v: %q was delivered", all, p)
				}
			}
			if s := tr.Stats(); s.Malformed[wire.BadVersion] != 4 || s.Dropped[transport.Malformed] != 4 {
				t.Errorf("all %v: %d of another version, %d malformed; want 4", all, s.Malformed[wire.BadVersion], s.Dropped[transport.Malformed])
			}
		}
	})
}
