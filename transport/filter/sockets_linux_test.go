// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter_test

import (
	"bytes"
	"math/bits"
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"protean/transport/filter"
	"protean/transport/netlab"
)

func value[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func htons(x uint16) uint16 {
	if b := [2]byte{1, 0}; *(*uint16)(unsafe.Pointer(&b)) == 1 {
		return bits.ReverseBytes16(x)
	}
	return x
}

// listen opens a packet socket on an interface of a node, filtered before it
// is bound.
func listen(t *testing.T, n *netlab.Node, ifindex, kind, etherType int, program []bpf.RawInstruction) int {
	t.Helper()
	fd := packetSocket(t, n, kind)
	if err := filter.Attach(fd, program); err != nil {
		t.Fatal(err)
	}
	if err := filter.Lock(fd); err != nil {
		t.Fatal(err)
	}
	bind(t, fd, ifindex, etherType)
	return fd
}

func packetSocket(t *testing.T, n *netlab.Node, kind int) (fd int) {
	t.Helper()
	err := n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func bind(t *testing.T, fd, ifindex, etherType int) {
	t.Helper()
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(uint16(etherType)), Ifindex: ifindex}); err != nil {
		t.Fatal(err)
	}
}

// receive returns the payloads that come, up to the one that is last, each from
// the last "<" on.
func receive(t *testing.T, fd int, last string) (got []string) {
	t.Helper()
	b := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatalf("waiting for %q after %q: %v", last, got, err)
		}
		s := string(b[max(0, bytes.LastIndexByte(b[:n], '<')):n])
		if i := bytes.IndexByte([]byte(s), '>'); i >= 0 {
			s = s[:i+1]
		}
		if s == last {
			return got
		}
		got = append(got, s)
	}
}

// count returns how many packets wait.
func count(fd int) (n int) {
	var b [1]byte
	for {
		if _, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT); err != nil {
			return n
		}
		n++
	}
}
