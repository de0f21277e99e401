// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

// A watcher sees packets on the wire, by a packet socket.
type watcher struct {
	t  *testing.T
	fd int
	v6 bool
}

// watch begins to watch the packets that arrive at a node.
func watch(t *testing.T, n *netlab.Node, etherType uint16) *watcher {
	t.Helper()
	w := &watcher{t: t, fd: -1, v6: etherType == unix.ETH_P_IPV6}
	network := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, etherType)) // as packet(7) wants it
	err := n.Do(func() (err error) {
		w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(network))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(w.fd) })
	if err := unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		t.Fatal(err)
	}
	return w
}

// next returns the next packet whose header has a protocol, as it was on the
// wire.
func (w *watcher) next(protocol byte) []byte {
	w.t.Helper()
	for {
		b := make([]byte, 65536)
		n, _, err := unix.Recvfrom(w.fd, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			w.t.Fatalf("no packet of protocol %d arrived: %v", protocol, err)
		}
		if !w.v6 && n >= 20 && b[9] == protocol || w.v6 && n >= 40 && b[6] == protocol {
			return b[:n]
		}
	}
}
