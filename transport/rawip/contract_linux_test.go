// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"testing"

	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/transporttest"
)

func TestKeepsTheContract(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		wrap func(transport.Transport) transport.Transport
	}{
		{"with headers included", Config{}, nil},
		{"with headers included, poisoned", Config{}, transporttest.Poison},
		{"with headers built by the kernel", Config{Header: Kernel}, nil},
		{"with headers built by the kernel, poisoned", Config{Header: Kernel}, transporttest.Poison},
		{"sending only", Config{SendOnly: true}, nil},
		{"with a batch of one", Config{Batch: -1}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			lab := netlab.Test(t, netlab.Pair())
			transporttest.Run(t, transporttest.Config{Make: func(tb testing.TB) transporttest.Pair {
				end := func(node string, cfg Config) transporttest.Endpoint {
					n := lab.Node(node)
					cfg.NetNS = n.NetNS()
					tr, err := Open(&cfg)
					if err != nil {
						tb.Fatal(err)
					}
					e := transporttest.Endpoint{
						Transport: tr,
						Addr4:     n.Addr4(),
						Addr6:     n.Addr6(),
						IfIndex:   n.Interfaces()[0].Index,
					}
					if c.wrap != nil {
						e.Transport = c.wrap(tr)
					}
					return e
				}
				// The peer sends what the kernel cannot be told to.
				return transporttest.Pair{A: end("a", c.cfg), B: end("b", Config{})}
			}})
		})
	}
}
