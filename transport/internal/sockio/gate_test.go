// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"sync"
	"testing"
)

func TestGateWaitsForNestedCallsAndRefusesLaterOnes(t *testing.T) {
	g := NewGate()
	for range 2 {
		if !g.Enter() || g.Closing() {
			t.Fatal("an open gate refuses")
		}
	}
	g.Close()
	if g.Enter() || !g.Closing() {
		t.Error("a closed gate lets in")
	}
	for range 2 {
		select {
		case <-g.Done:
			t.Error("done before the last call has left")
		default:
		}
		g.Leave()
	}
	<-g.Done
	if g.Enter() {
		t.Error("a closed gate lets in")
	}
}

func TestGateUnderContention(t *testing.T) {
	g := NewGate()
	var wg sync.WaitGroup
	inside := make(chan struct{}, 8)
	for range 8 {
		wg.Go(func() {
			for g.Enter() {
				inside <- struct{}{}
				<-inside
				g.Leave()
			}
		})
	}
	inside <- struct{}{}
	<-inside
	g.Close()
	<-g.Done
	wg.Wait()
}
