// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"errors"
	"io/fs"
	"os"
)

// TUN makes a TUN device in a node: an interface without link-layer addresses
// whose packets, from their IP headers on, are read from and written to f. It is
// up, has no IP addresses, and goes away when f is closed. mtu is in bytes. The
// error matches [fs.ErrPermission] where /dev/net/tun is closed to the caller, as
// for ordinary users of some systems, and [fs.ErrNotExist] where it is missing.
func (n *Node) TUN(name string, mtu int) (f *os.File, index int, err error) {
	return n.tun(name, mtu)
}

// TestTUN is TUN for a test, which is skipped where /dev/net/tun is closed to the
// caller. Any other failure is fatal to the test, and a missing /dev/net/tun is
// so if the environment variable PROTEAN_REQUIRE_NETLAB is 1. The device is gone
// when the test is over.
func TestTUN(t TB, n *Node, name string, mtu int) (f *os.File, index int) {
	t.Helper()
	f, index, err := n.TUN(name, mtu)
	switch {
	case err == nil:
		t.Cleanup(func() { f.Close() })
		return f, index
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist) && os.Getenv(requireEnv) != "1":
		t.Skipf("%v", err)
	default:
		t.Fatalf("%v", err)
	}
	return nil, 0
}
