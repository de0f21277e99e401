// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh_test

import (
	"net"
	"os"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

// newTUN makes a TUN device that is up, and returns its index.
func newTUN(t *testing.T, n *netlab.Node) (index int) {
	t.Helper()
	err := n.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("open /dev/net/tun", err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		r, err := unix.NewIfreq("tun0")
		if err != nil {
			return err
		}
		r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
			return os.NewSyscallError("ioctl TUNSETIFF", err)
		}
		f, err := net.InterfaceByName("tun0")
		if err != nil {
			return err
		}
		index = f.Index
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Link.Set(&rtnetlink.LinkMessage{Index: uint32(index), Flags: unix.IFF_UP, Change: unix.IFF_UP})
	})
	if err != nil {
		t.Fatal(err)
	}
	return index
}
