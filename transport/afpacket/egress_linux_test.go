// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

// A filter of the kernel drops one packet of three on its way out, as often as it
// is tried. The others arrive all the same.
func TestAPacketThatIsDroppedOnItsWayOutIsGivenUp(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("no nft, which sets the filter")
	}
	senders(t, func(t *testing.T, cfg Config) {
		t.Parallel()
		lab := netlab.Test(t, netlab.Pair())
		a, b := lab.Node("a"), lab.Node("b")
		ta, tb := open(t, a, cfg), open(t, b, Config{V4: true}, 253)
		mustSend(t, ta, between(a, b, false, make([]byte, 8)))
		receive(t, tb, 1)
		for _, rule := range []string{
			"add table netdev t",
			"add chain netdev t c { type filter hook egress device eth0 priority 0; policy accept; }",
			"add rule netdev t c ether type ip ip length 120 drop",
		} {
			if out, err := a.Run(t.Context(), "nft", rule); err != nil {
				if os.Getenv("PROTEAN_REQUIRE_NETLAB") != "" {
					t.Fatalf("no filter for what goes out: %v %s", err, out)
				}
				t.Skipf("no filter for what goes out: %v %s", err, out)
			}
		}
		q := ta.Queues()[0]
		var batch transport.Batch
		if err := q.Reserve(&batch, 3); err != nil || len(batch.Slots) != 3 {
			t.Fatalf("%d slots: %v", len(batch.Slots), err)
		}
		for i, size := range []int{50, 100, 51} {
			batch.Slots[i].Data = append(batch.Slots[i].Data, between(a, b, false, make([]byte, size))...)
		}
		c := collector{from: ta}
		refused := 0
		end := time.Now().Add(10 * time.Second)
		for left := 3; left > 0 || cfg.TxRing && ta.Stats().Unsent == 0; {
			if time.Now().After(end) {
				t.Fatalf("%d packets are left after 10 seconds", left)
			}
			n, err := q.Commit(&batch, left)
			left -= n
			if err != nil && err != transport.ErrNoSlots {
				if !errors.Is(err, unix.ENOBUFS) || left == 0 || len(batch.Slots[0].Data) != 120 {
					t.Fatalf("with %d left: %v", left, err)
				}
				refused++
				left--
				batch.Drop()
			}
			if err := q.Wait(time.Now().Add(100 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if _, err := q.Recv(&c, 64); err != nil {
				t.Fatal(err)
			}
		}
		for i, p := range receive(t, tb, 2) {
			if len(p.Payload()) != 50+i {
				t.Errorf("packet %d has %d bytes", i, len(p.Payload()))
			}
		}
		if s := ta.Stats(); s.Sent != 3 || int(s.Unsent)+refused != 1 {
			t.Errorf("%d refused, %+v", refused, s)
		}
	})
}
