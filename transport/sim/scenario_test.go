// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim_test

import (
	"encoding/binary"
	"hash/fnv"
	"testing"
	"time"

	"protean/transport/sim"
)

// scenario has five hosts on two switches with a router between them, faulty
// links, a partition, a crash and a link that goes down, all at given times;
// everybody answers everybody. It returns a hash of all that happened.
func scenario(t *testing.T, seed uint64) (sum uint64, fates map[sim.Fate]int) {
	n := sim.New(&sim.Config{Seed: seed})
	defer n.Close()
	h := fnv.New64a()
	fates = map[sim.Fate]int{}
	n.Tap(func(tr sim.Trace) {
		fates[tr.Fate]++
		var b [25]byte
		binary.BigEndian.PutUint64(b[:], uint64(tr.Time.UnixNano()))
		binary.BigEndian.PutUint64(b[8:], tr.Number)
		b[16] = byte(tr.Fate)
		h.Write(b[:])
		h.Write([]byte(tr.Node + "/" + tr.From.String() + "/" + tr.To.String()))
		h.Write(tr.Data)
	})
	r, err := n.Router("r", nil)
	check(t, err)
	var sws []*sim.Switch
	for i, name := range []string{"left", "right"} {
		sw, err := n.Switch(name)
		check(t, err)
		sws = append(sws, sw)
		_, err = sw.Connect(mustPort(t)(r.AddInterface(name, seg4(i+1, 254))), &sim.LinkConfig{Delay: time.Millisecond})
		check(t, err)
	}
	var hosts []*sim.Node
	var links []*sim.Link
	where := []int{0, 0, 0, 1, 1}
	for i, side := range where {
		nd := mustNode(t)(n.Node(string(rune('a' + i))))
		l, err := sws[side].Connect(mustPort(t)(nd.AddInterface("eth0", seg4(side+1, i+1))), &sim.LinkConfig{
			Delay: time.Millisecond, Jitter: 2 * time.Millisecond, Loss: 0.02, Duplicate: 0.02, Reorder: 0.05,
		})
		check(t, err)
		check(t, nd.AddRoute(sim.Default(seg4(side+1, 254).Addr())))
		hosts, links = append(hosts, nd), append(links, l)
		boot := func() error {
			h, err := nd.Open(nil)
			if err != nil {
				return err
			}
			check(t, h.Bind(proto))
			check(t, n.Attach(h, &answerer{q: h.Queues()[0]}))
			for k, other := range where {
				if k != i {
					check(t, send(t, h, ip4(seg4(side+1, i+1).Addr(), seg4(other+1, k+1).Addr(), 100+i)))
				}
			}
			return nil
		}
		check(t, boot())
		nd.OnRestart(boot)
	}
	after := func(d time.Duration, f func()) { check(t, n.After(d, f)) }
	after(100*time.Millisecond, func() {
		_, err := n.Partition(hosts[:2], hosts[2:])
		check(t, err)
	})
	after(150*time.Millisecond, n.Heal)
	after(150*time.Millisecond, func() { check(t, hosts[0].Restart()) }) // it has not crashed
	after(200*time.Millisecond, hosts[3].Crash)
	after(250*time.Millisecond, func() { check(t, hosts[3].Restart()) })
	after(300*time.Millisecond, func() { links[2].SetUp(false) })
	after(320*time.Millisecond, func() { links[2].SetUp(true) })
	for i := range hosts {
		after(time.Duration(330+i)*time.Millisecond, func() {
			hosts[i].Crash()
			check(t, hosts[i].Restart())
		})
	}
	check(t, n.Run(500*time.Millisecond))
	return h.Sum64(), fates
}

func TestAScenarioIsTheSameInEveryRun(t *testing.T) {
	want, fates := scenario(t, 1)
	for _, f := range []sim.Fate{sim.Delivered, sim.Lost, sim.Duplicated, sim.Reordered, sim.Down, sim.Partitioned, sim.Forwarded} {
		if fates[f] == 0 {
			t.Errorf("no packet was %v: %v", f, fates)
		}
	}
	for range 100 {
		if got, _ := scenario(t, 1); got != want {
			t.Fatalf("hash %x, then %x", want, got)
		}
	}
	if got, _ := scenario(t, 2); got == want {
		t.Error("another seed gives the same")
	}
}
