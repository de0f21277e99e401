// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

// onTheWire returns the next echo request that comes in at a node after f,
// whoever it is for.
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
		k, from, err := unix.Recvfrom(fd, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatalf("nothing came: %v", err)
		}
		at := int(b[0]&15) * 4
		if sa, ok := from.(*unix.SockaddrLinklayer); ok && sa.Pkttype == unix.PACKET_HOST && k > at && b[9] == 1 && b[at] == 8 {
			return b[:k]
		}
	}
	t.Fatal("nothing came")
	return nil
}

func TestSourceRoutesAreOnTheWireAsTheyWereGiven(t *testing.T) {
	a, b := lab(t)
	tr := open(t, a, Config{})
	for name, options := range map[string][]byte{
		"loose, one hop":     {131, 7, 4, 10, 77, 1, 88, 0},
		"loose, two hops":    {131, 11, 4, 10, 77, 1, 88, 10, 77, 1, 99, 0},
		"strict, two hops":   {1, 137, 11, 4, 10, 77, 1, 88, 10, 77, 1, 99},
		"not a source route": {148, 4, 0, 0},
	} {
		want := request(a.Addr4(), b.Addr4(), 7, options, []byte("by a route"))
		got := onTheWire(t, b, func() {
			if err := send(tr, want, 0); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		})
		if end := 20 + len(options); got[0] != want[0] || !bytes.Equal(got[16:end], want[16:end]) {
			t.Errorf("%s: to %v with the options %x, want %v with %x", name, got[16:20], got[20:end], want[16:20], options)
		}
	}
	for name, options := range map[string][]byte{
		"a hop is passed": {131, 11, 8, 10, 77, 1, 88, 10, 77, 1, 99, 0},
		"no hops":         {137, 3, 4, 0},
		"no pointer":      {131, 2, 0, 0},
	} {
		var u *transport.UnsupportedError
		if err := send(tr, request(a.Addr4(), b.Addr4(), 7, options, nil), 0); !errors.As(err, &u) {
			t.Errorf("%s: %v, want an *UnsupportedError", name, err)
		}
	}
}
