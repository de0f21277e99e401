// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
)

// setAddress gives eth0 of a node another hardware address.
func setAddress(n *netlab.Node, mac wire.MAC) error {
	return n.Do(func() error {
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Link.Set(&rtnetlink.LinkMessage{
			Index: uint32(n.Interfaces()[0].Index), Attributes: &rtnetlink.LinkAttributes{Address: mac[:]},
		})
	})
}

// TestWhoOnlySendsHasTheInterfacesAddress changes it before anything was sent, or
// before anything but nothing was, and afterwards. Nobody calls Recv or Wait.
func TestWhoOnlySendsHasTheInterfacesAddress(t *testing.T) {
	senders(t, func(t *testing.T, c Config) {
		c.Queues = 2
		lab := netlab.Test(t, netlab.Pair())
		a, b := lab.Node("a"), lab.Node("b")
		sniff := newSniffer(t, b)
		for i := range byte(4) {
			tr := open(t, a, c)
			if i%2 == 0 { // which looks at the interface, and no route up
				if _, err := tr.Queues()[1].Commit(new(transport.Batch), 0); err != nil {
					t.Fatal(err)
				}
			}
			for k := range byte(2) {
				mac := wire.MAC{2, 0, 0, 0, i, k}
				if err := setAddress(a, mac); err != nil {
					t.Fatal(err)
				}
				var got wire.MAC
				for end := time.Now().Add(5 * time.Second); got != mac; { // it is announced, which takes its time
					if time.Now().After(end) {
						t.Fatalf("packets come from %v, want %v", got, mac)
					}
					mustSend(t, tr, between(a, b, false, []byte("12345678")))
					got = sniff.next(t, func(p *transport.Packet) bool { return p.Protocol() == 253 }).Src()
				}
			}
		}
	})
}

// TestWhoOnlySendsProbesUpToTheMTU has the MTU grow, and shrink again, while nobody
// calls Recv or Wait.
func TestWhoOnlySendsProbesUpToTheMTU(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	if err := b.SetMTU("eth0", 3000); err != nil {
		t.Fatal(err)
	}
	ta, tb := open(t, a, Config{}), open(t, b, Config{V4: true}, 253)
	q := ta.Queues()[0]
	probe := func(size int) error {
		t.Helper()
		var batch transport.Batch
		if err := q.Reserve(&batch, 1); err != nil {
			t.Fatal(err)
		}
		batch.Slots[0].Data = append(batch.Slots[0].Data, between(a, b, false, make([]byte, size-20))...)
		batch.Slots[0].Frag = transport.FragProbe
		_, err := q.Commit(&batch, 1)
		if err != nil {
			batch.Drop()
			q.Commit(&batch, 0)
		}
		return err
	}
	var tooBig *transport.TooBigError
	if err := probe(2900); !errors.As(err, &tooBig) || tooBig.MTU != 1500 {
		t.Fatalf("with the MTU that was there at Open: %v", err)
	}
	if err := a.SetMTU("eth0", 3000); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); ; {
		err := probe(2900)
		if err == nil {
			break
		}
		if !errors.As(err, &tooBig) || time.Now().After(end) {
			t.Fatalf("with a larger MTU: %v", err)
		}
	}
	if p := receive(t, tb, 1)[0]; len(p.Data) != 2900 {
		t.Errorf("%d bytes came", len(p.Data))
	}
	if err := a.SetMTU("eth0", 1200); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(5 * time.Second); ; {
		err := probe(2900)
		if !errors.As(err, &tooBig) || time.Now().After(end) {
			t.Fatalf("with a smaller MTU: %v", err)
		}
		if tooBig.MTU == 1200 {
			break
		}
	}
}

// TestTheErrorHasTheMTUThatThePacketIsAbove has the kernel refuse a packet by an MTU
// that has not been announced yet, and one by an MTU that has changed again.
func TestTheErrorHasTheMTUThatThePacketIsAbove(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tr := open(t, a, Config{})
	if err := a.SetMTU("eth0", 900); err != nil {
		t.Fatal(err)
	}
	q := tr.queues[0]
	s := transport.Slot{Data: between(a, b, false, make([]byte, 1000))}
	for _, mtu := range []int{900, 1500} {
		if err := a.SetMTU("eth0", mtu); err != nil {
			t.Fatal(err)
		}
		want := mtu
		if mtu > len(s.Data) {
			want = 0
		}
		var tooBig *transport.TooBigError
		if err := q.sendError(&s, unix.EMSGSIZE); !errors.As(err, &tooBig) || tooBig.Size != 1020 || tooBig.MTU != want {
			t.Errorf("with an MTU of %d: %v", mtu, err)
		}
	}
}
