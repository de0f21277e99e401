// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"testing"
	"time"

	"protean/transport/netlab"
)

// TestARingOfBlocksHasRoomForATime has single packets come while nobody reads, each when
// the block of the one before was handed over.
func TestARingOfBlocksHasRoomForATime(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	for _, c := range []struct {
		retire time.Duration
		lost   bool
	}{{time.Millisecond, true}, {time.Second, false}} {
		const blocks, packets = 4, 20
		tr := open(t, b, Config{V4: true, BlockSize: 64 << 10, Blocks: blocks, RetireTimeout: c.retire}, 253)
		for range packets {
			w.write(w.peer, typeIPv4, between(a, b, false, []byte("alone")))
			time.Sleep(5 * time.Millisecond)
		}
		var got collector
		got.from = tr
		want := packets
		if c.lost {
			want = blocks
		}
		got.until(t, tr, func() bool { return len(got.packets) >= want })
		if s := tr.Stats(); c.lost != (s.Lost > 0) || s.Delivered+s.Lost != packets {
			t.Errorf("blocks retire after %v: %d packets delivered, %d lost", c.retire, s.Delivered, s.Lost)
		}
		tr.Close()
	}
}
