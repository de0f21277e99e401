// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"
	"os"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"
)

const tunDevice = "/dev/net/tun"

func (n *Node) tun(name string, mtu int) (f *os.File, index int, err error) {
	err = n.Do(func() (err error) {
		f, index, err = newTUN(name, mtu)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("netlab: TUN device of node %q: %w", n.name, err)
	}
	return f, index, nil
}

// newTUN makes a device in the calling thread's namespace.
func newTUN(name string, mtu int) (f *os.File, index int, err error) {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, &os.PathError{Op: "open", Path: tunDevice, Err: err}
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	r, err := unix.NewIfreq(name)
	if err != nil {
		return nil, 0, err
	}
	r.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, r); err != nil {
		return nil, 0, os.NewSyscallError("ioctl TUNSETIFF", err)
	}
	err = netlink(func(c *rtnetlink.Conn) error {
		links, err := linksByName(c)
		if err != nil {
			return err
		}
		link := links[r.Name()]
		index = int(link.Index)
		return c.Link.Set(&rtnetlink.LinkMessage{
			Index: link.Index, Flags: unix.IFF_UP, Change: unix.IFF_UP,
			Attributes: &rtnetlink.LinkAttributes{MTU: uint32(mtu)},
		})
	})
	if err != nil {
		return nil, 0, err
	}
	// Attached to its device, it is for the runtime's poller.
	return os.NewFile(uintptr(fd), tunDevice), index, nil
}
