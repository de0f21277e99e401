// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"fmt"
	"strings"
	"testing/synctest"
)

// barrier is synctest.Wait, and says what to do if there is no bubble, or
// somebody else is in it.
func barrier() {
	defer func() {
		if v := recover(); v != nil {
			if strings.Contains(fmt.Sprint(v), "not in a bubble") {
				panic(fmt.Sprintf("prototest: %v: BubblePair and BubbleTopology are for tests in one; "+
					"let prototest.Bubble, or synctest.Test, call what calls them", v))
			}
			panic(fmt.Sprintf("prototest: %v: a network in a bubble has synctest.Wait to itself. "+
				"Use Net.Sim.Settle in its place; have one network in a bubble", v))
		}
	}()
	synctest.Wait()
}
