// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/checksum"
	"protean/transport"
	"protean/transport/netlab"
)

// fixed writes the checksum of an IPv4 header.
func fixed(p []byte) []byte {
	p[10], p[11] = 0, 0
	binary.BigEndian.PutUint16(p[10:], checksum.Checksum(p[:20]))
	return p
}

// sendLarge has a's kernel send a datagram of protocol 253 in fragments.
func sendLarge(a, b *netlab.Node, v6 bool, size int) error {
	return a.Do(func() error {
		network, dst := "ip4:253", b.Addr4()
		if v6 {
			network, dst = "ip6:253", b.Addr6()
		}
		c, err := net.Dial(network, dst.String())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write(make([]byte, size))
		return err
	})
}

// senders runs a test for each way in which packets go out.
func senders(t *testing.T, f func(t *testing.T, c Config)) {
	t.Run("sendmmsg", func(t *testing.T) { f(t, Config{}) })
	t.Run("cooked", func(t *testing.T) { f(t, Config{Cooked: true}) })
	t.Run("transmit ring", func(t *testing.T) { f(t, Config{TxRing: true}) })
	t.Run("past the queueing discipline", func(t *testing.T) { f(t, Config{QdiscBypass: true}) })
}

// TestWhatIsCountedAsSentHasArrived closes the transport behind 2000 packets,
// the first of which wait for the neighbour.
func TestWhatIsCountedAsSentHasArrived(t *testing.T) {
	senders(t, func(t *testing.T, c Config) {
		families(t, func(t *testing.T, v6 bool) {
			lab := netlab.Test(t, netlab.Pair())
			a, b := lab.Node("a"), lab.Node("b")
			// A frame for each packet: blocks would be handed over half empty on a
			// machine that sends slowly, and be too few.
			tb := open(t, b, Config{Ring: V2, BlockSize: 256 << 10, Blocks: 32}, 253)
			ta := open(t, a, c)
			const n = 2000
			for i := range n {
				mustSend(t, ta, between(a, b, v6, binary.BigEndian.AppendUint32(nil, uint32(i))))
				if i == 0 {
					for end := time.Now().Add(5 * time.Second); ta.Stats().Sent == 0 && time.Now().Before(end); {
						time.Sleep(time.Millisecond)
					}
				}
			}
			ta.Close()
			s := ta.Stats()
			if s.Committed != n || s.Sent != n || s.Unsent != 0 {
				t.Fatalf("committed %d, sent %d, unsent %d", s.Committed, s.Sent, s.Unsent)
			}
			for i, p := range receive(t, tb, n) {
				if got := binary.BigEndian.Uint32(p.Payload()); got != uint32(i) {
					t.Fatalf("packet %d came in place of %d", got, i)
				}
			}
		})
	})
}

func TestANeighbourThatDoesNotAnswerIsAnError(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	for _, name := range []string{"net.ipv4.neigh.eth0.retrans_time_ms", "net.ipv6.neigh.eth0.retrans_time_ms"} {
		if err := a.Sysctl(name, "200"); err != nil { // a second otherwise, three times
			t.Fatal(err)
		}
	}
	tr := open(t, a, Config{})
	dead := netip.MustParseAddr("10.77.1.200")
	dead6 := netip.MustParseAddr("fd77:1::200")
	mustSend(t, tr, packet(a.Addr4(), dead, []byte("one, at least 8 bytes")), packet(a.Addr6(), dead6, []byte("two, at least 8 bytes")))
	if s := tr.Stats(); s.Committed != 2 || s.Sent != 0 {
		t.Errorf("committed %d, sent %d", s.Committed, s.Sent)
	}
	var c collector
	c.until(t, tr, func() bool { return len(c.errs) == 2 })
	for _, e := range c.errs {
		if !errors.Is(&e, unix.EHOSTUNREACH) || e.Dst != dead && e.Dst != dead6 || e.Protocol != 253 || e.Cookie != 77 || len(e.Quoted) != 21 {
			t.Errorf("error %+v", e)
		}
	}
	if s := tr.Stats(); s.Unsent != 2 {
		t.Errorf("unsent %d", s.Unsent)
	}
	if err := send(tr, packet(a.Addr4(), dead, nil)); !errors.Is(err, unix.EHOSTUNREACH) {
		t.Errorf("sending to a dead neighbour again: %v", err)
	}
}

func TestOnlySoManyPacketsWaitForANeighbour(t *testing.T) {
	t.Parallel() // it waits for a second
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	tr := open(t, a, Config{})
	p := packet(a.Addr4(), netip.MustParseAddr("10.77.1.201"), nil)
	var err error
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = send(tr, p)
	}
	if n != heldPerHop+1 || !errors.Is(err, unix.ENOBUFS) {
		t.Errorf("packet %d was refused: %v", n, err)
	}
	tr.Close()
	if s := tr.Stats(); s.Committed != heldPerHop || s.Unsent != heldPerHop || s.Sent != 0 {
		t.Errorf("after Close: committed %d, sent %d, unsent %d", s.Committed, s.Sent, s.Unsent)
	}
}

func TestPacketsGoByTheGateway(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb := open(t, a, Config{}), open(t, b, Config{}, 253)
	families(t, func(t *testing.T, v6 bool) {
		mustSend(t, ta, between(a, b, v6, []byte("forwarded")))
		if p := receive(t, tb, 1)[0]; p.TTL() != 63 || string(p.Payload()) != "forwarded" {
			t.Errorf("TTL %d, payload %q", p.TTL(), p.Payload())
		}
	})
	r, err := ta.Route(b.Addr4(), 0)
	if err != nil || r.Src != a.Addr4() || r.NextHop != lab.Node("r1").Interfaces()[0].Addr4.Addr() || r.MTU != 1500 {
		t.Errorf("route %+v, %v", r, err)
	}
}

func TestWhatCannotBeSentIsRefused(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	senders(t, func(t *testing.T, c Config) {
		tr := open(t, a, c)
		four := open(t, a, Config{V4: true, Ring: None})
		for _, x := range []struct {
			name string
			tr   *Transport
			p    []byte
			want error
		}{
			{"above the MTU", tr, between(a, b, false, make([]byte, 1481)), unix.EMSGSIZE},
			{"above the MTU", tr, between(a, b, true, make([]byte, 1461)), unix.EMSGSIZE},
			{"to an address of this host", tr, between(a, a, false, nil), unix.ENETUNREACH},
			{"of a family that is not carried", four, between(a, b, true, nil), unix.EAFNOSUPPORT},
		} {
			if err := send(x.tr, x.p); !errors.Is(err, x.want) {
				t.Errorf("a packet %s: %v, want %v", x.name, err, x.want)
			}
		}
		if s := tr.Stats(); s.Refused != 3 || s.Committed != 0 {
			t.Errorf("refused %d, committed %d", s.Refused, s.Committed)
		}
	})
}

// TestWhatATransmitRingCouldNotSendIsNotCounted has the MTU shrink behind the
// transport's back: the kernel refuses a frame that is in the ring already.
func TestWhatATransmitRingCouldNotSendIsNotCounted(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb := open(t, a, Config{TxRing: true}), open(t, b, Config{}, 253)
	mustSend(t, ta, between(a, b, false, []byte("first")))
	receive(t, tb, 1) // so the neighbour is known
	before := ta.Stats()
	if err := a.SetMTU("eth0", 1400); err != nil {
		t.Fatal(err)
	}
	q := ta.Queues()[0]
	var batch transport.Batch
	if err := q.Reserve(&batch, 3); err != nil {
		t.Fatal(err)
	}
	for i, size := range []int{100, 1480, 200} {
		batch.Slots[i].Data = append(batch.Slots[i].Data, between(a, b, false, make([]byte, size))...)
		batch.Slots[i].Frag = transport.FragProbe // past what is known of the path
	}
	if n, err := intoRing(ta.queues[0], batch.Slots); n != 3 || err != nil { // Commit could hear of the MTU first
		t.Fatalf("%d are in the ring, %v", n, err)
	}
	for _, p := range receive(t, tb, 2) {
		if n := len(p.Payload()); n != 100 && n != 200 {
			t.Errorf("received %d bytes", n)
		}
	}
	s := ta.Stats()
	if sent, bytes := s.Sent-before.Sent, s.SentBytes-before.SentBytes; sent != 2 || bytes != 120+220 || s.Unsent != 1 {
		t.Errorf("sent %d packets with %d bytes, unsent %d", sent, bytes, s.Unsent)
	}
}

func TestLoopback(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	tr := open(t, a, Config{Interface: "lo"}, 253)
	families(t, func(t *testing.T, v6 bool) {
		mustSend(t, tr, between(a, a, v6, []byte("to myself")))
		if p := receive(t, tr, 1)[0]; string(p.Payload()) != "to myself" {
			t.Errorf("received %q", p.Payload())
		}
		if c := settle(t, tr); len(c.packets) > 0 {
			t.Error("received it twice")
		}
	})
}

func TestSendingAndReceivingDoNotAllocate(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	rings(t, func(t *testing.T, r Ring) {
		for _, tx := range []bool{false, true} {
			ta, tb := open(t, a, Config{TxRing: tx, Ring: None}), open(t, b, Config{Ring: r}, 253)
			p := between(a, b, tx, make([]byte, 100))
			mustSend(t, ta, p)
			receive(t, tb, 1)
			got := 0
			s := sinkFunc(func(*transport.Packet) { got++ })
			qa, qb := ta.Queues()[0], tb.Queues()[0]
			var batch transport.Batch
			allocs := testing.AllocsPerRun(50, func() {
				for k := 0; k < 8; k++ {
					if err := qa.Reserve(&batch, 1); err != nil {
						continue
					}
				}
				for i := range batch.Slots {
					batch.Slots[i].Data = append(batch.Slots[i].Data, p...)
				}
				qa.Commit(&batch, len(batch.Slots))
				qb.Wait(time.Time{})
				qb.Recv(s, 64)
			})
			if allocs != 0 || got < 100 {
				t.Errorf("transmit ring %v: %v allocations per 8 packets, %d received", tx, allocs, got)
			}
		}
	})
}

type sinkFunc func(*transport.Packet)

func (f sinkFunc) Deliver(p *transport.Packet) { f(p) }
func (f sinkFunc) Event(*transport.Event)      {}
