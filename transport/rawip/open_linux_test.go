// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func isErrno(err error, want unix.Errno) bool {
	var op *net.OpError
	var sys *os.SyscallError
	return errors.As(err, &op) && op.Net == "rawip" && errors.As(err, &sys) && errors.Is(err, want)
}

func removeLink(t *testing.T, n *netlab.Node, iface string) {
	t.Helper()
	err := n.Do(func() error {
		f, err := net.InterfaceByName(iface)
		if err != nil {
			return err
		}
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Link.Delete(uint32(f.Index))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestOpenRefusesWhatCannotBe(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	wrongFamily := func(err error) bool {
		var a *net.AddrError
		return errors.As(err, &a)
	}
	notSupported := func(err error) bool {
		var u *transport.UnsupportedError
		return errors.As(err, &u) && u.Transport == "rawip"
	}
	errno := func(e unix.Errno) func(error) bool {
		return func(err error) bool { return isErrno(err, e) }
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want func(error) bool
	}{
		{"an interface that does not exist", Config{Interface: "nosuch0"}, errno(unix.ENODEV)},
		{"an interface name that is too long", Config{Interface: "eth0abcdefghijklmnop"}, errno(unix.ENODEV)},
		{"an IPv6 address as Local4", Config{Local4: addr("::1")}, wrongFamily},
		{"an IPv4 address as Local6", Config{Local6: addr("127.0.0.1")}, wrongFamily},
		{"a mapped IPv4 address as Local6", Config{Local6: addr("::ffff:127.0.0.1")}, wrongFamily},
		{"Local4 without IPv4", Config{V6: true, Local4: addr("127.0.0.1")}, wrongFamily},
		{"Local6 without IPv6", Config{V4: true, Local6: addr("::1")}, wrongFamily},
		{"Local4 of another host", Config{Local4: addr("192.0.2.1")}, errno(unix.EADDRNOTAVAIL)},
		{"Local6 of another host", Config{Local6: addr("2001:db8::1")}, errno(unix.EADDRNOTAVAIL)},
		{"Local4 of another host, with the kernel's headers", Config{Header: Kernel, Local4: addr("192.0.2.1")}, errno(unix.EADDRNOTAVAIL)},
		{"a zone that does not exist", Config{Local6: addr("fe80::1%nosuch0")}, wrongFamily},
		{"SendOnly with the kernel's headers", Config{SendOnly: true, Header: Kernel}, notSupported},
		{"an odd offset of the checksum", Config{Checksum6: true, Checksum6Offset: 3}, notSupported},
		{"a negative offset of the checksum", Config{Checksum6: true, Checksum6Offset: -2}, notSupported},
		{"a header mode that does not exist", Config{Header: 7}, notSupported},
		{"a namespace that does not exist", Config{NetNS: "/nosuch"}, func(err error) bool { return errors.Is(err, os.ErrNotExist) }},
		{"a namespace that is none", Config{NetNS: "/proc/self/status"}, func(err error) bool { return err != nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.cfg.NetNS == "" {
				c.cfg.NetNS = lab.Node("a").NetNS()
			}
			before := files(t)
			tr, err := Open(&c.cfg)
			if err == nil {
				tr.Close()
			}
			if !c.want(err) {
				t.Errorf("error %v", err)
			}
			if after := files(t); after != before {
				t.Errorf("%d descriptors, %d before", after, before)
			}
		})
	}
}

func TestBindRefusesWhatCannotBe(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	both := open(t, lab.Node("a"), Config{})
	only4 := open(t, lab.Node("a"), Config{V4: true})
	before := files(t)
	for _, c := range []struct {
		tr       *Transport
		protocol int
		word     string
	}{
		{both, 0, "not in 1 to 255"}, {both, 256, "not in 1 to 255"}, {both, -2, "not in 1 to 255"},
		{both, 43, "extension header"}, {both, 44, "extension header"}, {both, 60, "extension header"},
		{both, 255, "IPPROTO_RAW"}, {only4, 255, "IPPROTO_RAW"},
	} {
		var p *transport.ProtocolError
		if err := c.tr.Bind(c.protocol); !errors.As(err, &p) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("Bind(%d): %v", c.protocol, err)
		}
	}
	if err := both.Bind(transport.AnyProtocol); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Bind(AnyProtocol): %v", err)
	}
	if after := files(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	bind(t, only4, 43, 253, 253)
}

func TestBindThatFailsHalfwayLeavesNothingBehind(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	tr := open(t, a, Config{Interface: "eth0"})
	removeLink(t, a, "eth0")
	before := files(t)
	if err := tr.Bind(253); !isErrno(err, unix.ENODEV) {
		t.Errorf("Bind: %v, want ENODEV", err)
	}
	if after := files(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

func TestCloseAndUnbindLeaveNothingBehind(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	before := files(t)
	tr := open(t, a, Config{Header: Kernel})
	bind(t, tr, 253, 254)
	opened := files(t) - 2*2*3 // a receiver, a guard, and a duplicate of that for its errors; the senders stay
	for range 2 {
		for _, p := range []int{253, 254} {
			if err := tr.Unbind(p); err != nil {
				t.Error(err)
			}
		}
	}
	if n := files(t); n != opened {
		t.Errorf("%d descriptors after Unbind, want %d", n, opened)
	}
	bind(t, tr, 253)
	send(t, tr, packet(between(a, lab.Node("b"), true), nil))
	if _, err := tr.Route(lab.Node("b").Addr4(), 0); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := files(t); n != before {
		t.Errorf("%d descriptors after Close, %d before Open", n, before)
	}
	for what, err := range map[string]error{
		"Bind": tr.Bind(253), "Unbind": tr.Unbind(253), "Join": tr.Join(1, addr("224.1.1.1")),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s after Close: %v", what, err)
		}
	}
	if _, err := tr.Route(addr("10.0.0.1"), 0); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Route after Close: %v", err)
	}
	if tr.Interfaces() != nil || tr.BufferSize() != 0 {
		t.Error("a closed transport has interfaces or buffers")
	}
}

func TestLaterSocketsAreOpenedInTheNamespaceOfOpen(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	var trs [2]*Transport
	var wg sync.WaitGroup
	for i, n := range lab.Nodes() {
		wg.Go(func() {
			// Without Config.NetNS: the thread's own namespace is meant.
			if err := n.Do(func() (err error) { trs[i], err = Open(nil); return err }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, tr := range trs {
		if tr != nil {
			defer tr.Close()
		}
	}
	if t.Failed() {
		return
	}
	for _, tr := range trs { // from other threads
		wg.Go(func() { bind(t, tr, 253) })
	}
	wg.Wait()
	for i, n := range lab.Nodes() {
		peer := lab.Nodes()[1-i]
		for _, v6 := range []bool{false, true} {
			send(t, trs[i], packet(between(n, peer, v6), pattern(8)))
			if p := receive(t, trs[1-i], 1)[0]; p.Src() != between(n, peer, v6).src {
				t.Errorf("received from %v", p.Src())
			}
		}
	}
}

func TestAddressAndInterfaceConfine(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a, r, b := lab.Node("a"), lab.Node("r1"), lab.Node("b")
	toward, away := r.Interfaces()[0], r.Interfaces()[1]
	tx, txb := open(t, a, Config{}), open(t, b, Config{})
	for _, c := range []struct {
		name string
		cfg  Config
	}{
		{"to an address", Config{Local4: toward.Addr4.Addr(), Local6: toward.Addr6.Addr()}},
		{"to an interface", Config{Interface: toward.Name}},
		{"to a link-local address", Config{V6: true, Local6: toward.LinkLocal.WithZone(toward.Name)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			rx := open(t, r, c.cfg)
			bind(t, rx, 253)
			for _, v6 := range []bool{false, true} {
				h4 := header{src: a.Addr4(), dst: toward.Addr4.Addr()}
				far := header{src: b.Addr4(), dst: away.Addr4.Addr()}
				if v6 {
					h4 = header{src: a.Addr6(), dst: toward.Addr6.Addr()}
					far = header{src: b.Addr6(), dst: away.Addr6.Addr()}
				}
				if c.cfg.V6 {
					if !v6 {
						continue
					}
					h4 = header{src: a.Interfaces()[0].LinkLocal, dst: toward.LinkLocal}
				}
				send(t, txb, packet(far, pattern(8)))
				if err := trySend(tx, a.Interfaces()[0].Index, packet(h4, pattern(8))); err != nil {
					t.Fatal(err)
				}
				if p := receive(t, rx, 1)[0]; p.Src() != h4.src || int(p.IfIndex) != toward.Index {
					t.Errorf("received from %v through interface %d", p.Src(), p.IfIndex)
				}
			}
			if ifs := rx.Interfaces(); c.cfg.Interface != "" && (len(ifs) != 1 || ifs[0].Name != c.cfg.Interface) {
				t.Errorf("interfaces %+v", ifs)
			}
		})
	}
}

func TestSendOnlyDoesNotReceive(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	tr := open(t, lab.Node("a"), Config{SendOnly: true})
	var u *transport.UnsupportedError
	if _, err := tr.Queues()[0].Recv(&collector{}, 1); !errors.As(err, &u) {
		t.Errorf("Recv: %v", err)
	}
	u = nil
	if err := tr.Bind(253); !errors.As(err, &u) {
		t.Errorf("Bind: %v", err)
	}
	u = nil
	if err := tr.Join(1, addr("224.1.1.1")); !errors.As(err, &u) {
		t.Errorf("Join: %v", err)
	}
}

func TestReceiveBuffersAreAsLargeAsPermitted(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	small := open(t, lab.Node("a"), Config{RcvBuf: 1 << 16})
	bind(t, small, 253)
	if n := small.BufferSize(); n != 1<<16 {
		t.Errorf("buffer of %d bytes, want %d", n, 1<<16)
	}
	none := open(t, lab.Node("a"), Config{})
	if n := none.BufferSize(); n != 0 {
		t.Errorf("buffer of %d bytes before Bind", n)
	}
	bind(t, none, 253)
	if n := none.BufferSize(); n < 1<<18 {
		t.Errorf("default buffer of %d bytes", n)
	}
}

func TestWithoutPrivilegesTheErrorNamesTheCapability(t *testing.T) {
	if os.Geteuid() != 0 { // where there are no labs, tests run as anybody
		if playRole("unprivileged") != 0 {
			t.Error("see the error printed")
		}
		return
	}
	// The test binary may be where others cannot go.
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command("/proc/self/fd/3")
	cmd.ExtraFiles = []*os.File{f}
	cmd.Env = append(os.Environ(), roleEnv+"=unprivileged")
	cmd.Dir = "/"
	if rootless(t) {
		// No other user is there to become: root without its capabilities.
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	} else {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, word := range []string{"CAP_NET_RAW", "setcap", "root"} {
		if !strings.Contains(string(out), word) {
			t.Errorf("%q does not say %q", out, word)
		}
	}
}

func rootless(t *testing.T) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295"
}
