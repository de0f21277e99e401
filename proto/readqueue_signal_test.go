// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import "testing"

// There is one wake-up for any number of packets, so the reader who takes it
// and leaves packets behind has to wake the next.
func TestReadQueueWakesTheNextReaderWhileThereArePackets(t *testing.T) {
	var q readQueue
	q.init(1000)
	p := packet4(t, 253, []byte("x"))
	const packets = 3
	for range packets {
		if !q.put(p) {
			t.Fatal("no room")
		}
	}
	b := make([]byte, 1)
	for i := range packets {
		select {
		case <-q.ready:
		default:
			t.Fatalf("%d packets left, and nobody is woken", packets-i)
		}
		if _, _, ok := q.get(b); !ok {
			t.Fatalf("packet %d is missing", i)
		}
	}
	if len(q.ready) != 0 {
		t.Error("a reader is woken for nothing")
	}
}
