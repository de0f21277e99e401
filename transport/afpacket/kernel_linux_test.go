// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"protean/transport/neigh"
	"protean/transport/netlab"
)

// answersUnreachable reports whether b's kernel answers a packet of protocol
// 253 from a with "protocol unreachable".
func answersUnreachable(t testing.TB, lab *netlab.Lab) bool {
	t.Helper()
	a, b := lab.Node("a"), lab.Node("b")
	tr := open(t, a, Config{Ring: None, V4: true}, 1)
	mustSend(t, tr, between(a, b, false, []byte("is anybody there?")))
	for _, p := range settle(t, tr).packets {
		if icmp := p.Payload(); len(icmp) >= 2 && icmp[0] == 3 && icmp[1] == 2 {
			return true
		}
	}
	return false
}

// addAddress gives eth0 of a node one more address.
func addAddress(t testing.TB, n *netlab.Node, text string) netip.Addr {
	t.Helper()
	a := netip.MustParseAddr(text)
	giveAddress(t, n, n.Interfaces()[0].Index, netip.PrefixFrom(a, 24))
	return a
}

func TestTheKernelIsSilentWhileAProtocolIsBound(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	if !answersUnreachable(t, lab) {
		t.Fatal("the kernel does not answer at all")
	}
	tr := open(t, b, Config{BlockSize: 4096, Blocks: 2, Ring: V2}, 253) // nobody reads, so its ring is soon full
	for range 3 {
		if answersUnreachable(t, lab) {
			t.Error("the kernel answers beside the transport")
		}
	}
	if err := tr.Unbind(253); err != nil {
		t.Fatal(err)
	}
	if !answersUnreachable(t, lab) {
		t.Error("the kernel does not answer after Unbind")
	}
}

func TestGroupsAreJoinedAtTheInterface(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ta, tb := open(t, a, Config{}), open(t, b, Config{}, 253)
	index := b.Interfaces()[0].Index
	families(t, func(t *testing.T, v6 bool) {
		group, src := netip.MustParseAddr("239.1.2.3"), a.Addr4()
		if v6 {
			group, src = netip.MustParseAddr("ff05::1234"), a.Addr6()
		}
		mac, _ := neigh.MulticastMAC(group)
		listed := func() bool {
			var text []byte
			if err := b.Do(func() (err error) { text, err = os.ReadFile("/proc/thread-self/net/dev_mcast"); return err }); err != nil {
				t.Fatal(err)
			}
			return strings.Contains(string(text), strings.ReplaceAll(mac.String(), ":", ""))
		}
		mustSend(t, ta, packet(src, group, []byte("too early")))
		if listed() || len(settle(t, tb).packets) > 0 {
			t.Error("a member before Join")
		}
		if err := tb.Join(index, group); err != nil {
			t.Fatal(err)
		}
		if !listed() {
			t.Errorf("%v is not listed in /proc/net/dev_mcast", mac)
		}
		mustSend(t, ta, packet(src, group, []byte("to members")))
		if got := receive(t, tb, 1); got[0].Dst() != group || string(got[0].Payload()) != "to members" {
			t.Errorf("received %q", got[0].Payload())
		}
		if err := tb.Leave(index, group); err != nil {
			t.Fatal(err)
		}
		if listed() {
			t.Error("listed after Leave")
		}
		mustSend(t, ta, packet(src, group, []byte("too late")))
		if n := len(settle(t, tb).packets); n > 0 {
			t.Errorf("%d packets after Leave", n)
		}
		other := netip.MustParseAddr("192.0.2.1")
		if v6 {
			other = netip.MustParseAddr("2001:db8::1")
		}
		if err := tb.Join(index, group, other); err != nil {
			t.Fatal(err)
		}
		mustSend(t, ta, packet(src, group, []byte("from another source")), packet(other, group, []byte("from the source")))
		if got := receive(t, tb, 1); string(got[0].Payload()) != "from the source" {
			t.Errorf("received %q", got[0].Payload())
		}
	})
}

// TestFragmentsOfADatagramComeToOneQueue sends datagrams in fragments between
// many pairs of addresses to four queues.
func TestFragmentsOfADatagramComeToOneQueue(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	for _, spread := range []Spread{ByHash, ByProgram} {
		t.Run(fmt.Sprint("spread ", spread), func(t *testing.T) {
			tr := open(t, b, Config{Queues: 4, Spread: spread}, 253)
			const sources, each = 32, 3
			for i := range sources {
				src := netip.AddrFrom4([4]byte{10, 77, 1, byte(100 + i)})
				for k := range each {
					p := packet(src, b.Addr4(), make([]byte, 8))
					p[4], p[5] = 7, byte(i)                  // identification
					p[6], p[7] = 0x20&^byte(k/2*32), byte(k) // MF but for the last, offset
					w.write(w.peer, typeIPv4, fixed(p))
				}
			}
			at := map[netip.Addr]int{}
			n, used := 0, map[int]bool{}
			for end := time.Now().Add(10 * time.Second); n < sources*each; {
				for i, q := range tr.Queues() {
					c := &collector{from: tr}
					if _, err := q.Recv(c, 64); err != nil {
						t.Fatal(err)
					}
					for _, p := range c.packets {
						n++
						used[i] = true
						if was, ok := at[p.Src()]; ok && was != i {
							t.Errorf("fragments of %v came to queues %d and %d", p.Src(), was, i)
						}
						at[p.Src()] = i
					}
				}
				if time.Now().After(end) {
					t.Fatalf("%d of %d fragments came", n, sources*each)
				}
			}
			if len(used) < 2 {
				t.Errorf("all came to one queue")
			}
		})
	}
}

func TestTheKernelReassemblesIPv4IfAskedTo(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tr := open(t, b, Config{Defrag: true, BlockSize: 256 << 10, Blocks: 4}, 253)
	for _, v6 := range []bool{false, true} {
		if err := sendLarge(a, b, v6, 4000); err != nil {
			t.Fatal(err)
		}
	}
	var whole, fragments int
	var c collector
	c.until(t, tr, func() bool { return len(c.packets) >= 4 })
	for _, p := range c.packets {
		switch {
		case p.Version() == 4 && !p.Fragment() && len(p.Data) == 4020:
			whole++
		case p.Version() == 6 && p.Fragment():
			fragments++
		}
	}
	if whole != 1 || fragments != 3 {
		t.Errorf("%d whole IPv4 datagrams and %d IPv6 fragments, want 1 and 3", whole, fragments)
	}
}
