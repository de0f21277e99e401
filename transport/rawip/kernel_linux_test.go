// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

// unreachables counts the "protocol unreachable" errors about protocol 253
// that a node gets.
type unreachables struct{ fd4, fd6 int }

func countUnreachables(t *testing.T, n *netlab.Node) *unreachables {
	return &unreachables{otherSocket(t, n, false, unix.IPPROTO_ICMP), otherSocket(t, n, true, unix.IPPROTO_ICMPV6)}
}

// count returns how many have come, once an echo of the same node, sent behind
// what might have caused them, was answered.
func (u *unreachables) count(t *testing.T, to *netlab.Node, v6 bool) (n int) {
	t.Helper()
	fd, request, reply, dst := u.fd4, []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}, byte(0), sockaddrOf(to.Addr4())
	if v6 {
		fd, request, reply, dst = u.fd6, []byte{128, 0, 0, 0, 0, 0, 0, 0}, 129, sockaddrOf(to.Addr6())
	}
	if err := unix.Sendto(fd, request, 0, dst); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2048)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		k, _, err := unix.Recvfrom(fd, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		m := b[:k]
		if !v6 {
			m = m[int(m[0]&15)*4:]
		}
		switch {
		case m[0] == reply:
			return n
		case !v6 && m[0] == 3 && m[1] == 2, v6 && m[0] == 4 && m[1] == 1:
			n++
		}
	}
	t.Fatal("no echo reply")
	return 0
}

// onOneCPU runs f with its thread tied to one processor: packets that it sends,
// and what answers them, then cannot overtake each other.
func onOneCPU(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		var cpus, first unix.CPUSet
		if err := unix.SchedGetaffinity(0, &cpus); err != nil {
			t.Error(err)
			return
		}
		for i := 0; first.Count() == 0; i++ {
			if cpus.IsSet(i) {
				first.Set(i)
			}
		}
		if err := unix.SchedSetaffinity(0, &first); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

func TestTheKernelIsSilentWhileAProtocolIsBound(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a, r := lab.Node("a"), lab.Node("r1")
	tx := open(t, a, Config{})
	u := countUnreachables(t, a)
	near, away := r.Interfaces()[0], r.Interfaces()[1]
	const n = 100
	provoke := func(t *testing.T, v6 bool) int {
		h := header{src: a.Addr4(), dst: near.Addr4.Addr()}
		far := header{src: a.Addr4(), dst: away.Addr4.Addr()}
		if v6 {
			h = header{src: a.Addr6(), dst: near.Addr6.Addr()}
			far = header{src: a.Addr6(), dst: away.Addr6.Addr()}
		}
		got := 0
		onOneCPU(t, func() {
			for range n / 2 {
				send(t, tx, packet(h, pattern(500)), packet(far, pattern(500)))
			}
			got = u.count(t, r, v6)
		})
		return got
	}
	families(t, func(t *testing.T, v6 bool) {
		if got := provoke(t, v6); got == 0 {
			t.Fatal("the kernel does not even answer when nobody is there: the test shows nothing")
		}
		// A full queue, and an address that is not bound to.
		rx := open(t, r, Config{RcvBuf: 1, Local4: near.Addr4.Addr(), Local6: near.Addr6.Addr()})
		bind(t, rx, 253)
		if got := provoke(t, v6); got != 0 {
			t.Errorf("%d answers while bound", got)
		}
		if rx.Stats().Lost == 0 {
			t.Error("the queue was not full: the test shows nothing")
		}
		if err := rx.Unbind(253); err != nil {
			t.Error(err)
		}
		if got := provoke(t, v6); got == 0 {
			t.Error("no answers after Unbind")
		}
		bind(t, rx, 253)
		rx.Close()
		if got := provoke(t, v6); got == 0 {
			t.Error("no answers after Close")
		}
		bare := open(t, r, Config{RcvBuf: 1, NoGuard: true})
		bind(t, bare, 253)
		if got := provoke(t, v6); got == 0 {
			t.Error("no answers without a guard: the test shows nothing")
		}
	})
}

func TestSendingAloneDoesNotSilenceTheKernel(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	peer := open(t, b, Config{Header: Kernel})
	tx := open(t, a, Config{})
	u := countUnreachables(t, a)
	families(t, func(t *testing.T, v6 bool) {
		send(t, peer, packet(between(b, a, v6), pattern(8)))
		onOneCPU(t, func() {
			send(t, tx, packet(between(a, b, v6), pattern(8)))
			if got := u.count(t, b, v6); got != 1 {
				t.Errorf("%d answers, want 1", got)
			}
		})
	})
}
