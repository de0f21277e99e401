// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"bufio"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

// child starts this program again in a node, to play a role. Unprivileged, it
// is nobody, who may not go where the program is.
func child(t *testing.T, n *netlab.Node, role string, unprivileged bool, files ...*os.File) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
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
	cmd.ExtraFiles = append([]*os.File{f}, files...)
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Dir, cmd.Stderr = "/", os.Stderr
	if unprivileged {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if rootless(t) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
		}
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() // if it has not ended already
		cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// says waits for a line of a child.
func says(t *testing.T, s *bufio.Scanner, want string) {
	t.Helper()
	if !s.Scan() || s.Text() != want {
		t.Fatalf("the child says %q, want %q; %v", s.Text(), want, s.Err())
	}
}

// exported returns the files of a transport that has protocol 253 bound, and is
// closed.
func exported(t *testing.T, n *netlab.Node, cfg Config) []*os.File {
	t.Helper()
	cfg.NetNS = n.NetNS()
	tr, err := Open(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	bind(t, tr, 253)
	files, err := tr.Files()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAll(files) })
	return files
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// echoed has a child in b send back what a sends it, in both families.
func echoed(t *testing.T, tr *Transport, a, b *netlab.Node, payload string) {
	t.Helper()
	for _, v6 := range []bool{false, true} {
		h := between(a, b, v6)
		send(t, tr, packet(h, []byte(payload)))
		p := receive(t, tr, 1)[0]
		if p.Src() != h.dst || p.Dst() != h.src || string(p.Payload()) != "echo of "+payload {
			t.Errorf("IPv6 %v: from %v to %v: %q", v6, p.Src(), p.Dst(), p.Payload())
		}
	}
}

// silent checks whether the kernel of b answers "protocol unreachable".
func silent(t *testing.T, tr *Transport, u *unreachables, a, b *netlab.Node, want bool) {
	t.Helper()
	for _, v6 := range []bool{false, true} {
		got := 0
		onOneCPU(t, func() {
			send(t, tr, packet(between(a, b, v6), []byte("nothing for you")))
			got = u.count(t, b, v6)
		})
		if got == 0 != want {
			t.Errorf("IPv6 %v: the kernel answers %d times, silent wanted: %v", v6, got, want)
		}
	}
}

func TestAWorkerWithoutPrivilegesUsesSocketsPassedIn(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	u := countUnreachables(t, a)
	for _, c := range []struct {
		name, role string
		cfg        Config
	}{
		{"ExtraFiles", "worker", Config{}},
		{"SCM_RIGHTS", "worker by SCM_RIGHTS", Config{}},
		{"Kernel headers", "worker", Config{Header: Kernel}},
		{"confined", "worker", Config{Interface: "eth0", Local4: b.Addr4(), Local6: b.Addr6(), Header: Kernel}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := open(t, a, Config{})
			bind(t, tr, 253)
			files := exported(t, b, c.cfg)
			silent(t, tr, u, a, b, true) // the files keep it so
			var cmd *exec.Cmd
			var out *bufio.Scanner
			if c.role == "worker" {
				cmd, out = child(t, b, c.role, true, files...)
			} else {
				pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				theirs := os.NewFile(uintptr(pair[1]), "theirs")
				cmd, out = child(t, b, c.role, true, theirs)
				theirs.Close()
				var fds []int
				for _, f := range files {
					fds = append(fds, int(f.Fd()))
				}
				err = unix.Sendmsg(pair[0], []byte("sockets"), unix.UnixRights(fds...), nil, 0)
				unix.Close(pair[0])
				if err != nil {
					t.Fatal(err)
				}
			}
			says(t, out, "ready")
			closeAll(files)
			// What came before there was a worker is answered too.
			var c collector
			c.until(t, tr, func() bool { return len(c.packets) == 2 })
			for i := range 3 {
				echoed(t, tr, a, b, strings.Repeat("x", i*700))
			}
			silent(t, tr, u, a, b, true)
			var rest collector
			rest.until(t, tr, func() bool { return len(rest.packets) == 2 })
			send(t, tr, packet(between(a, b, false), []byte("quit")))
			says(t, out, "bye")
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
			silent(t, tr, u, a, b, false)
		})
	}
}

func TestAfterCapabilitiesAreDroppedAllThatIsOpenGoesOn(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for _, role := range []string{"drop capabilities", "drop capabilities, Kernel headers", "change the user"} {
		t.Run(role, func(t *testing.T) {
			if role == "change the user" && rootless(t) {
				return // there is no other user
			}
			tr := open(t, a, Config{})
			bind(t, tr, 253)
			cmd, out := child(t, b, role, false)
			says(t, out, "ready")
			echoed(t, tr, a, b, "before")
			mtu := 1400
			if b.Interfaces()[0].MTU == mtu {
				mtu = 1500
			}
			if err := b.SetMTU("eth0", mtu); err != nil {
				t.Fatal(err)
			}
			says(t, out, "link changed")
			echoed(t, tr, a, b, "after")
			send(t, tr, packet(between(a, b, false), []byte("quit")))
			says(t, out, "bye")
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBindingInANamespaceThatMayNotBeEnteredNamesTheCapability(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	if rootless(t) {
		return // there is no other user to become
	}
	_, out := child(t, lab.Node("b"), "change the user, elsewhere "+lab.Node("a").NetNS(), false)
	says(t, out, "bye")
}

func TestFilesThatDoNotMakeATransportAreRefused(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	included, kernel := exported(t, b, Config{}), exported(t, b, Config{Header: Kernel})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	stream, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for _, c := range []struct {
		name  string
		cfg   Config
		files []*os.File
		want  error
	}{
		{"none", Config{}, nil, errors.ErrUnsupported},
		{"a pipe", Config{}, []*os.File{r}, unix.ENOTSOCK},
		{"a socket of another kind", Config{}, []*os.File{stream}, unix.EINVAL},
		{"a file twice", Config{}, append(included[:len(included):len(included)], included[0]), unix.EINVAL},
		{"a guard twice", Config{}, append(included[:len(included):len(included)], included[len(included)-1]), unix.EINVAL},
		{"of two kinds of transports", Config{}, []*os.File{included[0], kernel[0]}, errors.ErrUnsupported},
		{"receiving with SendOnly", Config{SendOnly: true}, included, errors.ErrUnsupported},
		{"a closed file", Config{}, []*os.File{closed(t)}, os.ErrClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.NetNS = b.NetNS()
			tr, err := FromFiles(&c.cfg, c.files...)
			if err == nil {
				tr.Close()
			}
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
	t.Run("of another namespace", func(t *testing.T) {
		if _, err := FromFiles(&Config{NetNS: lab.Node("a").NetNS()}, included...); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("error %v", err)
		}
	})
}

func closed(t *testing.T) *os.File {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	r.Close()
	return r
}
