// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/transporttest"
)

var everyCombination = flag.Bool("every", false, "have the contract kept by every combination of ring, socket type, sender and queues")

// small makes rings small, which are made anew some hundred times. They have room for
// 8 ms, or 8 times RetireTimeout.
func small(c Config) Config {
	c.BlockSize, c.Blocks = 64<<10, 8
	if c.RetireTimeout == 0 {
		c.RetireTimeout = time.Millisecond
	}
	return c
}

// TestKeepsTheContract covers every pair of a ring, a socket type, a sender, a
// number of queues and a family, where both can be: the default with both
// families, the others with one. What they do is to wait for the kernel, so they
// do it at the same time, each between namespaces of its own.
func TestKeepsTheContract(t *testing.T) {
	var kinds sync.WaitGroup
	defer kinds.Wait()
	for _, c := range []struct {
		name string
		cfg  Config
	}{
		{"V3", Config{}},
		{"V3, four queues, transmit ring, IPv6", Config{Queues: 4, TxRing: true, V6: true}},
		{"V3, cooked, IPv4", Config{Cooked: true, V4: true}},
		{"V2, four queues, cooked, IPv6", Config{Ring: V2, Queues: 4, Cooked: true, V6: true}},
		{"V2, transmit ring, IPv4", Config{Ring: V2, TxRing: true, V4: true}},
		{"no ring, four queues, IPv4", Config{Ring: None, Queues: 4, V4: true}},
		{"no ring, transmit ring, IPv6", Config{Ring: None, TxRing: true, V6: true}},
		{"no ring, cooked, IPv6", Config{Ring: None, Cooked: true, V6: true}},
	} {
		kinds.Go(func() {
			t.Run(c.name, func(t *testing.T) { keepsContract(t, c.cfg, transporttest.Poison, true) })
		})
	}
}

// TestEveryCombinationKeepsTheContract takes minutes.
func TestEveryCombinationKeepsTheContract(t *testing.T) {
	if !*everyCombination {
		t.Skip("-every is not set")
	}
	for _, r := range []Ring{V3, V2, None} {
		for _, cooked := range []bool{false, true} {
			for _, sender := range []bool{false, true} {
				for _, queues := range []int{1, 4} {
					if cooked && sender {
						continue // a transmit ring takes link headers
					}
					c := Config{Ring: r, Cooked: cooked, TxRing: sender, Queues: queues}
					name := fmt.Sprintf("ring %d, cooked %v, transmit ring %v, %d queues", r, cooked, sender, queues)
					t.Run(name+", bare", func(t *testing.T) { keepsContract(t, c, nil, false) })
					t.Run(name+", poisoned", func(t *testing.T) { keepsContract(t, c, transporttest.Poison, false) })
				}
			}
		}
	}
	t.Run("every protocol's socket", func(t *testing.T) { keepsContract(t, Config{All: true}, transporttest.Poison, false) })
	t.Run("reassembled by the kernel", func(t *testing.T) { keepsContract(t, Config{Defrag: true}, transporttest.Poison, false) })
	t.Run("spread by a program", func(t *testing.T) {
		keepsContract(t, Config{Queues: 4, Spread: ByProgram}, transporttest.Poison, false)
	})
}

func keepsContract(t *testing.T, cfg Config, wrap func(transport.Transport) transport.Transport, parallel bool) {
	lab := netlab.Test(t, netlab.Pair())
	transporttest.Run(t, transporttest.Config{Parallel: parallel, Make: func(tb testing.TB) transporttest.Pair {
		// Both at once: making a ring waits for the kernel.
		var trs [2]*Transport
		var errs [2]error
		var wg sync.WaitGroup
		for i, n := range lab.Nodes() {
			cfg := small(cfg)
			cfg.NetNS, cfg.Interface = n.NetNS(), "eth0"
			wg.Go(func() { trs[i], errs[i] = Open(&cfg) })
		}
		wg.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			tb.Fatal(err)
		}
		end := func(i int) transporttest.Endpoint {
			tr, n := trs[i], lab.Nodes()[i]
			e := transporttest.Endpoint{
				Transport: tr,
				Addr4:     n.Addr4(),
				Addr6:     n.Addr6(),
				IfIndex:   n.Interfaces()[0].Index,
			}
			if wrap != nil {
				e.Transport = wrap(tr)
			}
			return e
		}
		return transporttest.Pair{A: end(0), B: end(1)}
	}})
}
