// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"fmt"
	"testing/synctest"
)

// barrier is synctest.Wait, and says what to do if somebody else is in it.
func barrier() {
	defer func() {
		if v := recover(); v != nil {
			panic(fmt.Sprintf("prototest: %v: a network in a bubble has synctest.Wait to itself. "+
				"Use Net.Sim.Settle in its place; have one network in a bubble", v))
		}
	}()
	synctest.Wait()
}
