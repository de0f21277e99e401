// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"math"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"protean/ring"
	"protean/transport"
	"protean/transport/filter"
	"protean/transport/netlab"
)

func TestOpenRefusesWhatCannotBe(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	notSupported := func(err error) bool {
		var u *transport.UnsupportedError
		return errors.As(err, &u) && u.Transport == "afpacket"
	}
	badConfig := func(err error) bool {
		var c *ConfigError
		return errors.As(err, &c)
	}
	errno := func(e unix.Errno) func(error) bool {
		return func(err error) bool {
			var op *net.OpError
			return errors.As(err, &op) && op.Net == "afpacket" && errors.Is(err, e)
		}
	}
	noMemory := func(err error) bool {
		var o *ring.OptionError
		if c := new(ring.ConfigError); strconv.IntSize == 32 && errors.As(err, &c) {
			return true // there are no addresses for it
		}
		return errors.As(err, &o) && o.Option == "PACKET_RX_RING" && (errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EINVAL))
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want func(error) bool
	}{
		{"no interface", Config{}, badConfig},
		{"an interface that does not exist", Config{Interface: "nosuch0"}, errno(unix.ENODEV)},
		{"an interface name that is too long", Config{Interface: "eth0abcdefghijklmnop"}, errno(unix.ENODEV)},
		{"a ring that does not exist", Config{Interface: "eth0", Ring: 9}, notSupported},
		{"a spread that scatters fragments", Config{Interface: "eth0", Queues: 2, Spread: RoundRobin}, notSupported},
		{"a transmit ring with cooked sockets", Config{Interface: "eth0", TxRing: true, Cooked: true}, notSupported},
		{"more queues than a group has", Config{Interface: "eth0", Queues: 1000}, badConfig},
		{"more memory than there are addresses for", Config{Interface: "eth0", Ring: None, Queues: 32, Batch: 1024}, func(err error) bool {
			return strconv.IntSize == 64 && err == nil || badConfig(err)
		}},
		{"outgoing packets without All", Config{Interface: "eth0", Outgoing: true}, badConfig},
		{"a fanout by bytes that no payload has", Config{Interface: "eth0", Spread: ByProgram,
			Fanout: filter.Fanout{Payload: true, PayloadOff: 1<<20 + 4}}, badConfig},
		{"hidden fragments without a guard", Config{Interface: "eth0", HideFragments: true, NoGuard: true}, badConfig},
		{"a ring that is too large", Config{Interface: "eth0", BlockSize: 1 << 30, Blocks: 1 << 20}, noMemory},
		{"a protocol that is a header", Config{Interface: "eth0", Lock: []uint8{44}}, func(err error) bool {
			var p *transport.ProtocolError
			return errors.As(err, &p)
		}},
		{"a namespace that does not exist", Config{Interface: "eth0", NetNS: "/nosuch"}, func(err error) bool { return errors.Is(err, os.ErrNotExist) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.cfg.NetNS == "" {
				c.cfg.NetNS = lab.Node("a").NetNS()
			}
			tr, err := Open(&c.cfg)
			if err == nil {
				tr.Close()
			}
			if !c.want(err) {
				t.Errorf("error %v", err)
			}
		})
	}
	if n := packetSockets(t, lab.Node("a")); n != 0 {
		t.Errorf("%d packet sockets are left", n)
	}
}

// TestWhatAnOpenSocketRefusesIsNamed asks a socket that has a ring, and one that
// is in a fanout group, for another.
func TestWhatAnOpenSocketRefusesIsNamed(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	tr := open(t, lab.Node("a"), Config{Queues: 2})
	fd := tr.queues[0].sources[0].fd

	again := source{fd: fd} // the descriptor stays the transport's
	err := again.init(tr)
	var op *net.OpError
	var o *ring.OptionError
	if !errors.As(err, &op) || op.Op != "open" || op.Net != "afpacket" ||
		!errors.As(err, &o) || o.Option != "PACKET_VERSION" || !errors.Is(err, unix.EBUSY) {
		t.Errorf("a second ring: %v", err)
	}
	err = setOptions(fd, []option{{"PACKET_RESERVE", unix.SOL_PACKET, unix.PACKET_RESERVE, 16}})
	if !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "PACKET_RESERVE") {
		t.Errorf("an option that a ring forbids: %v", err)
	}

	id, err := unix.GetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		t.Fatal(err)
	}
	group := fanout{joined: true, id: id & 0xffff}
	if err := group.join(tr, fd); !errors.As(err, &op) || !errors.Is(err, unix.EALREADY) || !strings.Contains(err.Error(), "PACKET_FANOUT") {
		t.Errorf("joining twice: %v", err)
	}
	// A group keeps to how it spreads.
	other := open(t, lab.Node("a"), Config{Spread: RoundRobin, Scattered: true})
	if err := group.join(other, other.queues[0].sources[0].fd); !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "PACKET_FANOUT") {
		t.Errorf("joining a group that spreads otherwise: %v", err)
	}
}

func TestWithoutTheCapabilityOpenSaysWhichItTakes(t *testing.T) {
	netlab.Require(t)
	runtime.LockOSThread() // and the thread ends with the goroutine, without its capabilities
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&head, &none[0]); err != nil {
		t.Fatal(err)
	}
	tr, err := Open(&Config{Interface: "lo"})
	if err == nil {
		tr.Close()
	}
	var p *transport.PermissionError
	if !errors.As(err, &p) || p.Capability != "CAP_NET_RAW" || !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "CAP_NET_RAW") {
		t.Errorf("Open without capabilities: %v", err)
	}
}

func TestAnInterfaceMayBeDownAtOpen(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	if err := b.SetLink("eth0", false); err != nil {
		t.Fatal(err)
	}
	rings(t, func(t *testing.T, r Ring) {
		tr := open(t, b, Config{Ring: r, TxRing: r == V3}, 253)
		if f := tr.Interfaces(); len(f) != 1 || f[0].Up {
			t.Errorf("interfaces: %+v", f)
		}
		if err := send(tr, between(b, a, false, nil)); !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENETUNREACH) {
			t.Errorf("sending: %v", err)
		}
		if err := b.SetLink("eth0", true); err != nil {
			t.Fatal(err)
		}
		ta := open(t, a, Config{})
		mustSend(t, ta, between(a, b, true, []byte("up")))
		if p := receive(t, tr, 1)[0]; string(p.Payload()) != "up" {
			t.Errorf("received %q", p.Payload())
		}
		if err := b.SetLink("eth0", false); err != nil {
			t.Fatal(err)
		}
	})
}

func TestALockedFilterStays(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	tr := open(t, b, Config{Lock: []uint8{253, 254}}, 253)
	var u *transport.UnsupportedError
	if err := tr.Bind(100); !errors.As(err, &u) {
		t.Errorf("Bind of another protocol: %v", err)
	}
	if err := tr.Bind(transport.AnyProtocol); !errors.As(err, &u) {
		t.Errorf("Bind of every protocol: %v", err)
	}
	for _, s := range tr.queues[0].sources {
		if err := filter.Attach(s.fd, filter.None()); !errors.Is(err, unix.EPERM) {
			t.Errorf("replacing the filter: %v", err)
		}
	}
	w.write(w.peer, typeIPv4, packetOf(254, a.Addr4(), b.Addr4(), []byte("locked in, not bound")))
	w.write(w.peer, typeIPv4, between(a, b, false, []byte("bound")))
	if p := receive(t, tr, 1)[0]; string(p.Payload()) != "bound" {
		t.Errorf("received %q", p.Payload())
	}
	if err := tr.Bind(254); err != nil {
		t.Fatal(err)
	}
	w.write(w.peer, typeIPv4, packetOf(254, a.Addr4(), b.Addr4(), []byte("bound later")))
	if p := receive(t, tr, 1)[0]; string(p.Payload()) != "bound later" {
		t.Errorf("received %q", p.Payload())
	}
}

// TestALockedGroupHasItsProgram has a program spread over locked sockets. It stays,
// as the filters do.
func TestALockedGroupHasItsProgram(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	tr := open(t, b, Config{Lock: []uint8{253}, Queues: 2, Spread: ByProgram, Fanout: filter.Fanout{Payload: true}}, 253)
	const n = 64
	for i := range byte(n) {
		w.write(w.peer, typeIPv4, between(a, b, false, []byte{i, i * 7, i * 31, i, 0}))
	}
	receive(t, tr, n)
	for i, q := range tr.queues {
		if q.rx.delivered+q.rx.taken == 0 {
			t.Errorf("queue %d has received nothing", i)
		}
		for _, s := range q.sources {
			if err := filter.Attach(s.fd, filter.None()); !errors.Is(err, unix.EPERM) {
				t.Errorf("replacing the filter: %v", err)
			}
			if err := filter.AttachFanout(s.fd, filter.None()); !errors.Is(err, unix.EPERM) {
				t.Errorf("replacing the program: %v", err)
			}
		}
	}
}

// TestBuffersAreAsLargeAsTheKernelCounts asks for the largest there are, and for
// larger ones.
func TestBuffersAreAsLargeAsTheKernelCounts(t *testing.T) {
	n := netlab.Test(t, netlab.Pair()).Node("a")
	tr := open(t, n, Config{Ring: None, RcvBuf: math.MaxInt32, SndBuf: math.MaxInt32})
	for _, o := range []struct{ fd, name int }{{tr.queues[0].sources[0].fd, unix.SO_RCVBUF}, {tr.queues[0].tx.fd, unix.SO_SNDBUF}} {
		if got, err := unix.GetsockoptInt(o.fd, unix.SOL_SOCKET, o.name); err != nil || got < 100_000 { // how large it may be is up to the system
			t.Errorf("option %d is %d, %v", o.name, got, err)
		}
	}
	if strconv.IntSize == 32 {
		return
	}
	more := math.MaxInt32
	more++
	for _, c := range []Config{{RcvBuf: more}, {SndBuf: more}, {RcvBuf: math.MaxInt}, {SndBuf: math.MaxInt}} {
		c.Interface, c.NetNS, c.Ring = "eth0", n.NetNS(), None
		tr, err := Open(&c)
		if err == nil {
			tr.Close()
		}
		var bad *ConfigError
		if !errors.As(err, &bad) {
			t.Errorf("buffers of %d and %d bytes: %v", c.RcvBuf, c.SndBuf, err)
		}
	}
}

// TestUnbindEndsDeliveryWhateverTheFilter locks the sockets' filter behind the
// transport's back.
func TestUnbindEndsDeliveryWhateverTheFilter(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	tr := open(t, b, Config{}, 253)
	for _, s := range tr.queues[0].sources {
		if err := filter.Lock(s.fd); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.Bind(254); !errors.Is(err, unix.EPERM) {
		t.Errorf("Bind: %v", err)
	}
	w.write(w.peer, typeIPv4, between(a, b, false, []byte("bound")))
	receive(t, tr, 1)
	if err := tr.Unbind(253); !errors.Is(err, unix.EPERM) {
		t.Errorf("Unbind: %v", err)
	}
	w.write(w.peer, typeIPv4, between(a, b, false, []byte("not bound")))
	if c := settle(t, tr); len(c.packets) > 0 {
		t.Errorf("received %q after Unbind", c.packets[0].Payload())
	}
	if s := tr.Stats(); s.Dropped[transport.Filtered] != 1 {
		t.Errorf("dropped %v", s.Dropped)
	}
}

// TestTwoNamespacesAtOnce opens transports in two namespaces from many
// goroutines: each must be in its own.
func TestTwoNamespacesAtOnce(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	before, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 16 {
		n := lab.Nodes()[i%2]
		wg.Go(func() {
			cfg := small(Config{Interface: "eth0", NetNS: n.NetNS(), Ring: None})
			tr, err := Open(&cfg)
			if err != nil {
				t.Error(err)
				return
			}
			defer tr.Close()
			if f := tr.Interfaces(); len(f) != 1 || f[0].Index != n.Interfaces()[0].Index {
				t.Errorf("%s: %+v", n.Name(), f)
			}
		})
	}
	wg.Wait()
	if after, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || after != before {
		t.Errorf("the thread is in %s, and was in %s: %v", after, before, err)
	}
}
