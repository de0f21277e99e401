// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

// onTheWire returns the next IPv4 packet of protocol 253 that comes in at a node
// after f, whoever it is for.
func onTheWire(t *testing.T, n *netlab.Node, f func()) []byte {
	t.Helper()
	const ethertype = uint16(unix.ETH_P_IP>>8 | unix.ETH_P_IP&0xff<<8) // in network byte order
	fd := -1
	err := n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(ethertype))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		t.Fatal(err)
	}
	f()
	b := make([]byte, 2048)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		k, _, err := unix.Recvfrom(fd, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatalf("nothing came: %v", err)
		}
		if k >= 20 && b[9] == 253 {
			return b[:k]
		}
	}
	t.Fatal("nothing came")
	return nil
}

func TestSourceRoutesAreOnTheWireAsTheyWereGiven(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	one, two, three := []byte{10, 77, 1, 88}, []byte{10, 77, 1, 99}, []byte{192, 0, 2, 1}
	for name, options := range map[string][]byte{
		"loose, one hop":       append([]byte{131, 7, 4}, append(bytes.Clone(one), 0)...),
		"loose, two hops":      append(append([]byte{131, 11, 4}, one...), append(bytes.Clone(two), 0)...),
		"strict, three hops":   append(append(append([]byte{137, 15, 4}, one...), two...), append(bytes.Clone(three), 0)...),
		"behind other options": append(append([]byte{1, 148, 4, 0, 0, 131, 11, 4}, one...), two...),
		"another option":       {148, 4, 0, 0},
	} {
		h := between(a, b, false)
		h.options = options
		want := packet(h, []byte("by a route"))
		if name == "strict, three hops" && len(options) != 16 {
			t.Fatal(len(options))
		}
		for _, mode := range []Header{Included, Kernel} {
			tx := open(t, a, Config{Header: mode})
			got := onTheWire(t, b, func() { send(t, tx, want) })
			if len(got) < len(want) || !bytes.Equal(got[16:len(want)], want[16:]) || got[0] != want[0] {
				t.Errorf("%s, header mode %d: %x is on the wire, want %x", name, mode, got, want)
			}
		}
	}
}

func TestSourceRoutesThatTheKernelCannotSendAreRefused(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{Header: Kernel})
	for name, options := range map[string][]byte{
		"a hop is passed":  {131, 11, 8, 10, 77, 1, 88, 10, 77, 1, 99, 0},
		"all are passed":   {137, 7, 8, 10, 77, 1, 88, 0},
		"no hops":          {131, 3, 4, 0},
		"no pointer":       {131, 2, 0, 0},
		"part of an entry": {131, 9, 4, 10, 77, 1, 88, 1, 1, 0, 0, 0},
	} {
		h := between(a, b, false)
		h.options = options
		var u *transport.UnsupportedError
		if err := trySend(tx, 0, packet(h, nil)); !errors.As(err, &u) {
			t.Errorf("%s: %v, want an *UnsupportedError", name, err)
		}
	}
}
