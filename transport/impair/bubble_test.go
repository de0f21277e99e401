// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair_test

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"protean/transport"
	"protean/transport/impair"
	"protean/transport/sim"
)

// A ponger answers each packet with the next number, until it is closed.
type ponger struct {
	tb   testing.TB
	t    transport.Transport
	back bool
	hash func(now time.Time, back bool, number uint32)
}

func (p *ponger) Event(*transport.Event) {}

func (p *ponger) Deliver(pk *transport.Packet) {
	n := binary.BigEndian.Uint32(pk.Payload())
	p.hash(time.Now(), p.back, n)
	var b transport.Batch
	q := p.t.Queues()[0]
	if err := q.Reserve(&b, 1); err != nil {
		return
	}
	b.Slots[0].Data = append(b.Slots[0].Data, packet(p.back, 60, int(n+1))...)
	if _, err := q.Commit(&b, 1); err != nil && !errors.Is(err, net.ErrClosed) {
		p.tb.Error(err)
	}
}

func (p *ponger) run() {
	q := p.t.Queues()[0]
	for {
		_, err := q.Recv(p, 64)
		if err == nil {
			err = q.Wait(time.Time{})
		}
		if err != nil {
			return
		}
	}
}

// bubbleHash has packets go to and fro between two impaired transports, all
// with delays of whole milliseconds, so that much is due at the same instant.
func bubbleHash(t *testing.T) (sum uint64, n int) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.New(&sim.Config{Live: true, Barrier: synctest.Wait, Seed: 3})
		var ports [2]*sim.Port
		var ends [2]transport.Transport
		for i, name := range []string{"a", "b"} {
			nd, err := network.Node(name)
			check(t, err)
			ports[i], err = nd.AddInterface("eth0", netip.MustParsePrefix("10.0.0."+string(rune('1'+i))+"/24"))
			check(t, err)
			h, err := nd.Open(nil)
			check(t, err)
			ends[i], err = impair.New(h, &impair.Config{
				Name: name, Seed: 5,
				Out: parse(t, "loss 3% duplicate 3% delay 1ms"), In: parse(t, "reorder 20% hold 2ms delay 1ms"),
			})
			check(t, err)
			check(t, ends[i].Bind(proto))
		}
		_, err := network.Connect(ports[0], ports[1], &sim.LinkConfig{Delay: time.Millisecond})
		check(t, err)
		h := fnv.New64a()
		var mu sync.Mutex
		var wg sync.WaitGroup
		for i, e := range ends {
			p := &ponger{tb: t, t: e, back: i == 1, hash: func(now time.Time, back bool, number uint32) {
				mu.Lock()
				defer mu.Unlock()
				var b [16]byte
				binary.BigEndian.PutUint64(b[:], uint64(now.UnixNano()))
				binary.BigEndian.PutUint32(b[8:], number)
				if back {
					b[12] = 1
				}
				h.Write(b[:])
				n++
			}}
			wg.Go(p.run)
		}
		for range 20 {
			check(t, commit(t, ends[0], packet(false, 60, 0)))
		}
		time.Sleep(300 * time.Millisecond)
		for _, e := range ends {
			check(t, e.Close())
		}
		wg.Wait()
		check(t, network.Close())
		mu.Lock()
		defer mu.Unlock()
		sum = h.Sum64()
	})
	return sum, n
}

func TestInABubbleWithABarrierEveryRunIsTheSame(t *testing.T) {
	want, n := bubbleHash(t)
	if n < 500 {
		t.Fatalf("only %d packets", n)
	}
	for range 10 {
		if got, m := bubbleHash(t); got != want {
			t.Fatalf("%d packets with hash %x, then %d with %x", n, want, m, got)
		}
	}
}
