// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A naive network is what one writes first: a timer for each packet, one
// random source for all links. In a bubble its time is as virtual as that of
// package sim, and its source has a seed; but what is due at one instant is in
// random order, and each packet has the random number that is next.
type naive struct {
	mu    sync.Mutex
	rand  *rand.Rand
	nodes []chan string
	trace string
}

func (n *naive) send(to int, packet string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trace += fmt.Sprintln(time.Now().UnixNano(), to, packet)
	if n.rand.Float64() < 0.1 {
		return
	}
	time.AfterFunc(10*time.Millisecond, func() { n.nodes[to] <- packet })
}

// naiveSum has six nodes pass packets on, and returns a hash of all of them.
func naiveSum(t *testing.T) (sum uint64) {
	synctest.Test(t, func(*testing.T) {
		n := &naive{rand: rand.New(rand.NewPCG(1, 2))}
		var wg sync.WaitGroup
		for range 6 {
			n.nodes = append(n.nodes, make(chan string, 100))
		}
		for i, c := range n.nodes {
			wg.Go(func() {
				for packet := range c {
					n.send((i+1)%6, packet)
				}
			})
			n.send(i, fmt.Sprint("packet ", i))
		}
		time.Sleep(time.Second + 5*time.Millisecond) // when no timer is due
		synctest.Wait()
		for _, c := range n.nodes {
			close(c)
		}
		wg.Wait()
		h := fnv.New64a()
		h.Write([]byte(n.trace))
		sum = h.Sum64()
	})
	return sum
}

// That TestOneSeedIsOneTraceInABubble passes says something, since this does
// not do so by itself.
func TestANaiveNetworkHasManyTracesOfOneSeed(t *testing.T) {
	sums := map[uint64]int{}
	const runs = 20
	for range runs {
		sums[naiveSum(t)]++
	}
	if len(sums) < 2 {
		t.Errorf("%d runs had one trace", runs)
	}
	t.Logf("%d traces in %d runs", len(sums), runs)
}
