// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"errors"
	"flag"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/ring/sysmon"
	"protean/transport"
	"protean/transport/internal/netns"
	"protean/transport/internal/rtnl"
	"protean/transport/netlab"
)

var cycles = flag.Int("cycles", 25, "how often TestOpenReadAndClose opens a transport")

// TestDescriptorZeroIsClosedLikeAnyOther: it is a socket's in a program that has
// closed its standard input.
func TestDescriptorZeroIsClosedLikeAnyOther(t *testing.T) {
	saved, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Skipf("there is no standard input: %v", err)
	}
	defer unix.Close(saved)
	defer unix.Dup3(saved, 0, 0)
	for name, end := range map[string]func(){
		"a receiving socket": (&source{fd: 0}).close,
		"a member":           (&members{packet: -1, ip4: 0, ip6: -1}).close,
	} {
		if err := unix.Dup3(saved, 0, 0); err != nil {
			t.Fatal(err)
		}
		end()
		if _, err := unix.FcntlInt(0, unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
			t.Errorf("%s: it is still open: %v", name, err)
		}
	}
}

func TestALinkGoesDownAndComesBack(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	rings(t, func(t *testing.T, r Ring) {
		ta, tb := open(t, a, Config{Ring: r, TxRing: r == V2}), open(t, b, Config{Ring: r}, 253)
		for range 2 { // the first one waits for the neighbour
			mustSend(t, ta, between(a, b, false, []byte("before")))
			receive(t, tb, 1)
		}
		if err := a.SetLink("eth0", false); err != nil {
			t.Fatal(err)
		}
		var c collector
		c.until(t, ta, func() bool { return len(c.links) > 0 && !c.links[len(c.links)-1].Up })
		// As if routes and neighbours had not heard of it.
		last := &ta.queues[0].tx.last
		last.routes, last.neighs = ta.hops.generation()
		last.since = sysmon.Now()
		if err := send(ta, between(a, b, false, []byte("down"))); !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENETUNREACH) {
			t.Errorf("sending while the link is down: %v", err)
		}
		if err := a.SetLink("eth0", true); err != nil {
			t.Fatal(err)
		}
		c.until(t, ta, func() bool { return c.links[len(c.links)-1].Up })
		mustSend(t, ta, between(a, b, false, []byte("after")))
		var got collector
		got.until(t, tb, func() bool {
			return len(got.packets) > 0 && string(got.packets[len(got.packets)-1].Payload()) == "after"
		})
	})
}

func TestAnInterfaceThatIsGoneIsAnError(t *testing.T) {
	for name, remove := range map[string]func(c *rtnetlink.Conn, index uint32) error{
		"deleted": func(c *rtnetlink.Conn, index uint32) error { return c.Link.Delete(index) },
		"moved": func(_ *rtnetlink.Conn, index uint32) error {
			ns, err := netns.New()
			if err != nil {
				return err
			}
			defer ns.Close()
			return move("", index, ns.FD())
		},
	} {
		t.Run(name, func(t *testing.T) {
			lab := netlab.Test(t, netlab.Pair())
			a := lab.Node("a")
			tr := open(t, a, Config{Queues: 2}, 253)
			err := a.Do(func() error {
				f, err := net.InterfaceByName("eth0")
				if err != nil {
					return err
				}
				c, err := rtnetlink.Dial(nil)
				if err != nil {
					return err
				}
				defer c.Close()
				return remove(c, uint32(f.Index))
			})
			if err != nil {
				t.Fatal(err)
			}
			ends(t, tr)
			if err := send(tr, between(a, lab.Node("b"), false, nil)); err == nil {
				t.Error("a packet was sent through an interface that is gone")
			}
		})
	}
}

func TestMTUAndAddressesAreFollowed(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	tr := open(t, b, Config{}, 253)
	if err := b.SetMTU("eth0", 1300); err != nil {
		t.Fatal(err)
	}
	var c collector
	c.until(t, tr, func() bool { return len(c.links) > 0 && c.links[len(c.links)-1].MTU == 1300 })
	var tooBig *transport.TooBigError
	if err := send(tr, between(b, a, false, make([]byte, 1290))); !errors.As(err, &tooBig) || tooBig.MTU != 1300 {
		t.Errorf("sending 1310 bytes: %v", err)
	}

	added := addAddress(t, b, "10.77.1.99")
	c.until(t, tr, func() bool {
		last := c.links[len(c.links)-1]
		for _, p := range last.Prefixes {
			if p.Addr() == added {
				return true
			}
		}
		return false
	})
	w.write(w.peer, typeIPv4, packet(a.Addr4(), added, []byte("to a new address")))
	if got := receive(t, tr, 1); got[0].Dst() != added {
		t.Errorf("received %v", got[0].Dst())
	}
}

// TestOpenReadAndClose opens and closes with packets coming and goroutines
// reading. With -cycles 1000 -race it takes a minute.
func TestOpenReadAndClose(t *testing.T) {
	t.Parallel() // it waits for the kernel
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	quit := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() {
		for {
			select {
			case <-quit:
				return
			default:
				w.write(w.peer, typeIPv4, between(a, b, false, make([]byte, 100)))
			}
		}
	})
	var delivered uint64
	for i := range *cycles {
		cfg := small(Config{Interface: "eth0", NetNS: b.NetNS(), Ring: Ring(i % 3), Queues: 1 + i%2})
		tr, err := Open(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Bind(253); err != nil {
			t.Fatal(err)
		}
		var readers sync.WaitGroup
		for _, q := range tr.Queues() {
			readers.Go(func() {
				c := &collector{from: tr}
				for {
					if _, err := q.Recv(c, 64); errors.Is(err, net.ErrClosed) {
						return
					}
					if err := q.Wait(time.Time{}); errors.Is(err, net.ErrClosed) {
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(i%4) * time.Millisecond)
		start := time.Now()
		tr.Close()
		readers.Wait()
		if d := time.Since(start); d > 5*time.Second {
			t.Fatalf("Close took %v", d)
		}
		delivered += tr.Stats().Delivered
	}
	close(quit)
	flood.Wait()
	if delivered == 0 {
		t.Error("nothing was received meanwhile")
	}
	if n := packetSockets(t, b); n != 0 {
		t.Errorf("%d packet sockets are left", n)
	}
}

// packetSockets counts the packet sockets in a node's namespace.
func packetSockets(t testing.TB, n *netlab.Node) int {
	t.Helper()
	var b []byte
	if err := n.Do(func() (err error) { b, err = os.ReadFile("/proc/thread-self/net/packet"); return err }); err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n") - 1
}

const roleEnv = "AFPACKET_TEST_ROLE"

// playRole opens a transport and waits to be killed, or does what else role says.
func playRole(role string) int {
	if what, how, ok := strings.Cut(role, " "); what == "compute" || what == "flood" {
		r, err := strconv.Atoi(how)
		if !ok || err != nil {
			return 2
		}
		return workBeside(what, Ring(r))
	}
	if role != "open" {
		return giveUpPrivileges(role)
	}
	tr, err := Open(&Config{Interface: "eth0", Promiscuous: true})
	if err == nil {
		err = tr.Bind(253)
	}
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		return 1
	}
	os.Stdout.WriteString("open\n")
	time.Sleep(time.Minute)
	return 0
}

func TestNothingIsLeftAfterKill9(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=open")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(cmd); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 100)
	n, _ := out.Read(line)
	if string(line[:n]) != "open\n" || packetSockets(t, b) == 0 {
		t.Fatalf("%s", line[:n])
	}
	if promiscuity(t, b) == 0 {
		t.Error("the interface is not promiscuous while a transport wants it to be")
	}
	cmd.Process.Signal(syscall.SIGKILL)
	cmd.Wait()
	for end := time.Now().Add(5 * time.Second); packetSockets(t, b) != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d packet sockets are left", packetSockets(t, b))
		}
	}
	if !answersUnreachable(t, lab) {
		t.Error("the kernel does not answer for protocol 253 again")
	}
	if n := promiscuity(t, b); n != 0 {
		t.Errorf("the interface is promiscuous for %d", n)
	}
}

// promiscuity returns for how many eth0 of a node is promiscuous.
func promiscuity(t testing.TB, n *netlab.Node) (count uint32) {
	t.Helper()
	err := n.Do(func() error {
		c, err := rtnl.Dial("")
		if err != nil {
			return err
		}
		defer c.Close()
		header := make([]byte, unix.SizeofIfInfomsg)
		binary.NativeEndian.PutUint32(header[4:], uint32(n.Interfaces()[0].Index))
		all, err := rtnl.Execute(c, unix.RTM_GETLINK, 0, header, nil)
		if err != nil {
			return err
		}
		for _, m := range all {
			ad, err := rtnl.Attributes(m.Data, unix.SizeofIfInfomsg)
			if err != nil {
				return err
			}
			for ad.Next() {
				if ad.Type() == unix.IFLA_PROMISCUITY {
					count = rtnl.Uint32(ad.Bytes())
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}
