// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/sim"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

// contractPair makes two live nodes for the conformance suite; wrap decorates
// their handles.
func contractPair(wrap func(transport.Transport) transport.Transport, lc *sim.LinkConfig) func(testing.TB) transporttest.Pair {
	return func(tb testing.TB) transporttest.Pair {
		p := newPair(tb, &sim.Config{Live: true}, lc)
		end := func(h *sim.Transport, a4, a6 string) transporttest.Endpoint {
			check(tb, h.Unbind(proto))
			return transporttest.Endpoint{
				Transport: wrap(h), Addr4: netip.MustParseAddr(a4), Addr6: netip.MustParseAddr(a6), IfIndex: 2,
			}
		}
		return transporttest.Pair{
			A: end(p.ta, "10.0.0.1", "2001:db8::1"),
			B: end(p.tb, "10.0.0.2", "2001:db8::2"),
		}
	}
}

func bare(t transport.Transport) transport.Transport { return t }

func TestContract(t *testing.T) {
	transporttest.Run(t, transporttest.Config{Make: contractPair(bare, nil)})
}

func TestContractUnderPoison(t *testing.T) {
	transporttest.Run(t, transporttest.Config{Make: contractPair(transporttest.Poison, nil)})
}

func TestContractOverASlowLinkWithTheLargestMTU(t *testing.T) {
	lc := &sim.LinkConfig{Delay: 300 * time.Microsecond, Rate: 10e9, MTU: 65575}
	transporttest.Run(t, transporttest.Config{Make: contractPair(bare, lc)})
}
