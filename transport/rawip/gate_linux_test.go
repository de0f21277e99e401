// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"sync"
	"testing"
)

func TestGateWaitsForNestedCallsAndRefusesLaterOnes(t *testing.T) {
	g := newGate()
	for range 2 {
		if !g.enter() || g.closing() {
			t.Fatal("an open gate refuses")
		}
	}
	g.close()
	if g.enter() || !g.closing() {
		t.Error("a closed gate lets in")
	}
	for range 2 {
		select {
		case <-g.done:
			t.Error("done before the last call has left")
		default:
		}
		g.leave()
	}
	<-g.done
	if g.enter() {
		t.Error("a closed gate lets in")
	}
}

func TestGateUnderContention(t *testing.T) {
	g := newGate()
	var wg sync.WaitGroup
	inside := make(chan struct{}, 8)
	for range 8 {
		wg.Go(func() {
			for g.enter() {
				inside <- struct{}{}
				<-inside
				g.leave()
			}
		})
	}
	inside <- struct{}{}
	<-inside
	g.close()
	<-g.done
	wg.Wait()
}
