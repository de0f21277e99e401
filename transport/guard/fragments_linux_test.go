// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

// fragment sends the first fragment of a datagram.
func (p *prober) fragment(protocol int, id uint32) {
	p.t.Helper()
	to, b := unix.Sockaddr(nil), []byte(nil)
	if p.v4 {
		b = make([]byte, 20+16)
		b[0], b[6], b[8], b[9] = 0x45, 0x20, 64, byte(protocol) // more fragments
		binary.BigEndian.PutUint16(b[4:], uint16(id))
		copy(b[12:], p.src.AsSlice())
		copy(b[16:], p.dst.AsSlice())
		to = &unix.SockaddrInet4{Addr: p.dst.As4()}
	} else {
		b = make([]byte, 40+8+16)
		b[0], b[5], b[6], b[7] = 0x60, 8+16, unix.IPPROTO_FRAGMENT, 64
		b[40], b[43] = byte(protocol), 1 // more fragments
		binary.BigEndian.PutUint32(b[44:], id)
		copy(b[8:], p.src.AsSlice())
		copy(b[24:], p.dst.AsSlice())
		to = &unix.SockaddrInet6{Addr: p.dst.As16()}
	}
	if err := unix.Sendto(p.tx, b, 0, to); err != nil {
		p.t.Fatal(err)
	}
}

// expiries sends the first fragment of a datagram of each protocol, and returns
// of which the host says that their time is exceeded. Of the last protocol it
// must say so: what it would have to say of those before comes before.
func (p *prober) expiries(id uint32, protocols ...int) map[int]int {
	p.t.Helper()
	for _, protocol := range protocols {
		p.fragment(protocol, id)
	}
	told, buf := map[int]int{}, make([]byte, 2048)
	number := ipv6.ICMPTypeTimeExceeded.Protocol()
	if p.v4 {
		number = ipv4.ICMPTypeTimeExceeded.Protocol()
	}
	end := time.Now().Add(20 * time.Second)
	for {
		p.rx.SetReadDeadline(end)
		n, _, err := p.rx.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && told[protocols[len(protocols)-1]] > 0 {
			return told
		}
		if err != nil {
			p.t.Fatalf("told of %v: %v", told, err)
		}
		m, err := icmp.ParseMessage(number, buf[:n])
		if err != nil {
			p.t.Fatal(err)
		}
		body, ok := m.Body.(*icmp.TimeExceeded)
		if !ok || m.Code != 1 {
			continue
		}
		if p.v4 {
			told[int(body.Data[9])]++
		} else {
			told[int(body.Data[40])]++
		}
		// Timers of the same second need not fire in their order.
		end = time.Now().Add(100 * time.Millisecond)
	}
}

// soonExpired has a node give fragments a second.
func soonExpired(t *testing.T, n *netlab.Node) {
	t.Helper()
	for _, name := range []string{"net.ipv4.ipfrag_time", "net.ipv6.ip6frag_time"} {
		if err := n.Sysctl(name, "1"); err != nil {
			t.Fatal(err)
		}
	}
}

// tables counts the tables of nf_tables in a namespace.
func tables(t *testing.T, n *netlab.Node) (count int) {
	t.Helper()
	err := n.Do(func() error {
		c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
		if err != nil {
			return err
		}
		defer c.Close()
		all, err := c.Execute(netlink.Message{
			Header: netlink.Header{
				Type:  unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETTABLE,
				Flags: netlink.Request | netlink.Dump,
			},
			Data: []byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0},
		})
		count = len(all)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

func TestHiddenFragmentsAreNotToldToHaveExpired(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	soonExpired(t, b)
	var guards []*Guard
	for _, protocol := range []int{253, 200} { // beside each other
		g, err := Open(protocol, &Config{NetNS: b.NetNS(), Fragments: true})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		guards = append(guards, g)
	}
	const plain = 199
	mustOpen(t, plain, b) // covers datagrams, and not fragments
	probers := map[Families]*prober{V4: newProber(t, lab, V4), V6: newProber(t, lab, V6)}
	for family, p := range probers {
		if got := p.expiries(1, 253, 200, plain); !maps.Equal(got, map[int]int{plain: 1}) {
			t.Errorf("%v: told of %v, want %d only", family, got, plain)
		}
		if got := p.answers(3, 253, 200); len(got) > 0 {
			t.Errorf("%v: answered: %v", family, got)
		}
	}
	if err := guards[0].Close(); err != nil {
		t.Error(err)
	}
	if n := tables(t, b); n != 1 {
		t.Errorf("%d tables of rules are left, want that of the other guard", n)
	}
	for family, p := range probers {
		if got := p.expiries(2, 200, 253); !maps.Equal(got, map[int]int{253: 1}) {
			t.Errorf("%v: told of %v after the guard of 253 was closed", family, got)
		}
	}
}

// TestHiddenFragmentsAreForwarded has fragments pass a router that hides those
// to itself.
func TestHiddenFragmentsAreForwarded(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	soonExpired(t, lab.Node("b"))
	g, err := Open(253, &Config{NetNS: lab.Node("r1").NetNS(), Fragments: true})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	eachFamily(t, func(t *testing.T, family Families) {
		if got := newProber(t, lab, family).expiries(1, 253); got[253] != 1 {
			t.Errorf("the host behind the router says %v", got)
		}
	})
}

func TestRulesEndWithTheProcess(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"=253", fragmentsEnv+"=1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(cmd); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the other process says %q, %v", lines.Text(), lines.Err())
	}
	if n := tables(t, b); n != 1 {
		t.Errorf("%d tables of rules, want 1", n)
	}
	cmd.Process.Kill()
	cmd.Wait()
	for end := time.Now().Add(10 * time.Second); tables(t, b) != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("rules are left after the process was killed")
		}
	}
}

func TestHidingFragmentsTakesACapability(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	result := make(chan error, 1)
	go func() {
		// Capabilities belong to the thread, which ends with the goroutine.
		runtime.LockOSThread()
		result <- lab.Node("b").Do(func() error {
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var raw [2]unix.CapUserData
			raw[0].Effective, raw[0].Permitted = 1<<unix.CAP_NET_RAW, 1<<unix.CAP_NET_RAW
			if err := unix.Capset(&header, &raw[0]); err != nil {
				return os.NewSyscallError("capset", err)
			}
			_, err := Open(253, &Config{Fragments: true})
			return err
		})
	}()
	err := <-result
	var denied *transport.PermissionError
	if !errors.As(err, &denied) || denied.Capability != "CAP_NET_ADMIN" || !strings.Contains(denied.Hint, "setcap") || !errors.Is(err, unix.EPERM) {
		t.Errorf("%v; want a PermissionError that names CAP_NET_ADMIN", err)
	}
}

// TestRulesThatTheKernelRefusesAreAnError gives a table the name of another.
func TestRulesThatTheKernelRefusesAreAnError(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	err := lab.Node("b").Do(func() error {
		for i := range 2 {
			c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
			if err != nil {
				return err
			}
			defer c.Close()
			err = fragmentRules(7, 253, V4|V6).commit(c)
			if i == 0 && err != nil || i == 1 && !errors.Is(nftError(253, err), unix.EEXIST) && !errors.Is(nftError(253, err), unix.EPERM) {
				return fmt.Errorf("table %d: %v", i+1, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
