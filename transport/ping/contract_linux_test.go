// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"testing"

	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/rawip"
	"protean/transport/transporttest"
)

// TestKeepsTheContract has the suite's packets carried in echo messages: they
// go out as requests of these sockets, and come in as replies. The other end
// takes the requests, which these sockets never get, from raw sockets; the
// kernel there does not answer.
func TestKeepsTheContract(t *testing.T) {
	for name, wrap := range map[string]func(transport.Transport) transport.Transport{
		"bare":     func(t transport.Transport) transport.Transport { return t },
		"poisoned": transporttest.Poison,
	} {
		t.Run(name, func(t *testing.T) {
			lab := netlab.Test(t, netlab.Pair())
			a, b := lab.Node("a"), lab.Node("b")
			for _, s := range []struct {
				node        *netlab.Node
				name, value string
			}{
				{a, "net.ipv4.ping_group_range", "0 0"},
				{b, "net.ipv4.icmp_echo_ignore_all", "1"},
				{b, "net.ipv6.icmp.echo_ignore_all", "1"},
			} {
				if err := s.node.Sysctl(s.name, s.value); err != nil {
					t.Fatal(err)
				}
			}
			transporttest.Run(t, transporttest.Config{Make: func(tb testing.TB) transporttest.Pair {
				end := func(n *netlab.Node, tr transport.Transport) transporttest.Endpoint {
					return transporttest.Endpoint{Transport: tr, Addr4: n.Addr4(), Addr6: n.Addr6(), IfIndex: n.Interfaces()[0].Index}
				}
				ta, err := Open(&Config{NetNS: a.NetNS()})
				if err != nil {
					tb.Fatal(err)
				}
				// There are replies only to identifiers that were used.
				for _, id := range []uint16{carrierID | 253, carrierID | 254} {
					for _, p := range [][]byte{
						request(a.Addr4(), b.Addr4(), id, nil, nil), request(a.Addr6(), b.Addr6(), id, nil, nil),
					} {
						if err := send(ta, p, 0); err != nil {
							tb.Fatal(err)
						}
					}
				}
				peer, err := rawip.Open(&rawip.Config{NetNS: b.NetNS()})
				if err != nil {
					ta.Close()
					tb.Fatal(err)
				}
				return transporttest.Pair{A: end(a, newCarrier(wrap(ta), false)), B: end(b, newCarrier(peer, true))}
			}})
		})
	}
}
