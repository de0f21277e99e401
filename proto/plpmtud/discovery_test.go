// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package plpmtud_test

import (
	"testing"
	"time"

	"protean/proto"
	"protean/proto/plpmtud"
	"protean/proto/prototest"
)

// What comes late, an acknowledgement or an error, does not begin a search anew
// that was stopped.
func TestAStoppedSearchStaysSo(t *testing.T) {
	n := prototest.Pair(t, nil)
	b := n.A.Register(t, 253, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { return nil }))
	probes, changes := 0, 0
	err := b.Do(func(env *proto.Env) {
		d, err := plpmtud.Start(env, plpmtud.Config{Max: 1500, ProbeTimeout: time.Second},
			func(*proto.Env, int) error { probes++; return nil },
			func(*proto.Env, int) { changes++ })
		if err != nil {
			t.Fatal(err)
		}
		d.Stop()
		d.Acked(env, plpmtud.DefaultBase)
		d.Acked(env, 1500)
		d.TooBig(env, 1300)
		d.BlackHole(env)
		if d.MTU() != plpmtud.DefaultBase {
			t.Errorf("the size to use is %d", d.MTU())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	n.Run(t, time.Hour)
	if probes != 1 || changes != 0 {
		t.Errorf("%d probes, %d changes; the first probe was sent before", probes, changes)
	}
}
