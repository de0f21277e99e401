// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab_test

import (
	"testing"

	"protean/transport/netlab"
)

func BenchmarkNew(b *testing.B) {
	if err := netlab.Available(); err != nil {
		b.Skip(err)
	}
	for _, test := range []struct {
		name string
		top  netlab.Topology
	}{{"pair", netlab.Pair()}, {"line of one router", netlab.Line(1)}, {"star of five", netlab.Star(5)}} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				lab, err := netlab.New(test.top)
				if err != nil {
					b.Fatal(err)
				}
				lab.Close()
			}
		})
	}
}
