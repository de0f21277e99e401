// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

// giveUpPrivileges opens a transport, becomes unprivileged as role says, and
// sends to the addresses that it names and back what comes.
func giveUpPrivileges(role string) int {
	if err := goOnWithout(strings.Split(role, " ")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func goOnWithout(role []string) error {
	who, elsewhere, _ := strings.Cut(role[0], ":")
	cfg := Config{Interface: "eth0", TxRing: role[1] == "ring", NetNS: elsewhere}
	if role[1] == "none" {
		cfg.Ring = None
	}
	tr, err := Open(&cfg)
	if err != nil {
		return err
	}
	if err := tr.Bind(253); err != nil {
		return err
	}
	if who == "user" {
		err = syscall.Setuid(65534)
	}
	if who != "user" || errors.Is(err, unix.EINVAL) { // there is no such user in this namespace
		// Of this thread only, on which all that follows runs.
		runtime.LockOSThread()
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		err = unix.Capset(&head, &none[0])
	}
	if err != nil {
		return err
	}
	capability := "CAP_NET_RAW"
	if elsewhere != "" { // which no socket can be opened in any more
		capability = "CAP_SYS_ADMIN"
	}
	if err := whatIsDenied(tr, capability); err != nil {
		return err
	}
	for i := 2; i+1 < len(role); i += 2 { // to neighbours that are not known yet
		src, dst := netip.MustParseAddr(role[i]), netip.MustParseAddr(role[i+1])
		if err := send(tr, packet(src, dst, []byte("hello"))); err != nil {
			return err
		}
	}
	e := &answerer{}
	for !e.quit {
		for _, q := range tr.Queues() {
			if _, err := q.Recv(e, 64); err != nil {
				return err
			}
		}
		if err := send(tr, e.replies...); err != nil {
			return err
		}
		e.replies = nil
		if err := tr.Queues()[0].Wait(time.Now().Add(2 * time.Millisecond)); err != nil {
			return err
		}
	}
	fmt.Println("bye")
	return tr.Close()
}

// whatIsDenied tries what takes privileges, and what does not.
func whatIsDenied(tr *Transport, capability string) error {
	f := tr.Interfaces()
	if len(f) != 1 {
		return fmt.Errorf("interfaces %v", f)
	}
	ifindex := f[0].Index
	for what, err := range map[string]error{
		"Bind":       tr.Bind(254),
		"Claim":      tr.Claim(ifindex, netip.MustParseAddr("10.9.9.9"), nil),
		"Claim IPv6": tr.Claim(ifindex, netip.MustParseAddr("2001:db8::9"), nil),
	} {
		var p *transport.PermissionError
		if !errors.As(err, &p) || p.Capability != capability {
			return fmt.Errorf("%s: %v, want a PermissionError for %s", what, err, capability)
		}
	}
	for _, group := range []string{"239.1.2.3", "ff15::1"} {
		a := netip.MustParseAddr(group)
		err := tr.Join(ifindex, a)
		if p := new(transport.PermissionError); capability != "CAP_NET_RAW" && errors.As(err, &p) {
			continue // the first one takes a socket
		}
		if err := errors.Join(err, tr.Leave(ifindex, a)); err != nil {
			return err
		}
	}
	// Links are looked up, and filters are changed.
	return errors.Join(tr.ReceiveForeign(true), tr.ReceiveForeign(false), tr.Unbind(253), tr.Bind(transport.AnyProtocol))
}

// An answerer makes replies of protocol 253.
type answerer struct {
	replies [][]byte
	quit    bool
}

func (e *answerer) Deliver(p *transport.Packet) {
	switch {
	case p.Protocol() != 253:
	case string(p.Payload()) == "quit":
		e.quit = true
	default:
		e.replies = append(e.replies, packet(p.Dst(), p.Src(), append([]byte("echo of "), p.Payload()...)))
	}
}

func (e *answerer) Event(ev *transport.Event) {
	if ev.Kind == transport.LinkChanged {
		fmt.Println("link changed")
	}
}

func TestAfterCapabilitiesAreDroppedAllThatIsOpenGoesOn(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	tr := open(t, a, Config{}, 253)
	all := []string{"capabilities default", "capabilities ring", "capabilities none", "user default"}
	if uid, err := os.ReadFile("/proc/self/uid_map"); err == nil && strings.Fields(string(uid))[2] != "1" { // there is another user
		all = append(all, "user:"+lab.Node("b").NetNS()+" default", "user:"+lab.Node("b").NetNS()+" none")
	}
	for _, how := range all {
		t.Run(how, func(t *testing.T) {
			testDropped(t, lab, tr, how)
		})
	}
}

func testDropped(t *testing.T, lab *netlab.Lab, tr *Transport, how string) {
	a, b := lab.Node("a"), lab.Node("b")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %v %v %v %v", roleEnv, how, b.Addr4(), a.Addr4(), b.Addr6(), a.Addr6()))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start := b.Start
	if strings.Contains(how, ":") {
		start = (*exec.Cmd).Start
	}
	if err := start(cmd); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill() // if it has not ended
		cmd.Wait()
	}()
	lines := bufio.NewScanner(out)
	says := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the child says %q, want %q", lines.Text(), want)
		}
	}
	hello := receive(t, tr, 2)
	if len(hello) != 2 || string(hello[0].Payload()) != "hello" || hello[0].Src().Is4() == hello[1].Src().Is4() {
		t.Fatalf("%d packets came, the first of them %q", len(hello), hello[0].Payload())
	}
	echoed := func() {
		t.Helper()
		for _, v6 := range []bool{false, true} {
			mustSend(t, tr, between(a, b, v6, []byte("are you there?")))
			if p := receive(t, tr, 1)[0]; string(p.Payload()) != "echo of are you there?" || p.Src().Is6() != v6 {
				t.Errorf("from %v: %q", p.Src(), p.Payload())
			}
		}
	}
	echoed()
	mtu := 1400
	if b.Interfaces()[0].MTU == mtu {
		mtu = 1500
	}
	if err := b.SetMTU("eth0", mtu); err != nil {
		t.Fatal(err)
	}
	says("link changed")
	echoed()
	mustSend(t, tr, between(a, b, false, []byte("quit")))
	says("bye")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
