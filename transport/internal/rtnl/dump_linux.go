// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rtnl

import (
	"encoding/binary"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Dump asks for a table and calls f with each message of the answer, valid until
// f returns, as it comes: a table may be larger than what one wants to hold. It
// ends early when f returns false. The error is an *[os.SyscallError], EINTR
// around it if the table changed meanwhile and the answer may be inconsistent.
func Dump(path string, kind uint16, header []byte, f func(kind uint16, body []byte) bool) error {
	c, err := Dial(path)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Send(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | netlink.Dump},
		Data:   header,
	})
	if err != nil {
		return err
	}
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	b := make([]byte, 1<<16) // twice what the kernel sends at once
	for {
		var n int
		var rerr error
		err := rc.Read(func(fd uintptr) bool {
			n, _, rerr = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
			return rerr != unix.EAGAIN && rerr != unix.EINTR
		})
		if err == nil && rerr != nil {
			err = os.NewSyscallError("recvfrom", rerr)
		}
		if err != nil {
			return err
		}
		done, err := part(b[:n], f)
		if done || err != nil {
			return err
		}
	}
}

// part goes through a datagram of a dump and reports whether it was the last.
func part(b []byte, f func(kind uint16, body []byte) bool) (done bool, err error) {
	if len(b) >= unix.NLMSG_HDRLEN && binary.NativeEndian.Uint16(b[6:])&unix.NLM_F_DUMP_INTR != 0 {
		return true, os.NewSyscallError("rtnetlink", unix.EINTR)
	}
	Messages(b, func(kind uint16, body []byte) {
		switch {
		case done:
		case kind == unix.NLMSG_DONE:
			done = true
		case kind == unix.NLMSG_ERROR:
			done = true
			if errno := -int32(Uint32(body)); errno > 0 {
				err = os.NewSyscallError("rtnetlink", unix.Errno(errno))
			}
		default:
			done = !f(kind, body)
		}
	})
	return done, err
}
