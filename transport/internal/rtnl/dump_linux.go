// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rtnl

import (
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Dump asks for a table, over a socket of its own in the namespace at path (see
// [Dial]), and calls f with each message of the answer, valid until
// f returns, as it comes: a table may be larger than what one wants to hold. It
// ends early when f returns false. The error is an *[os.SyscallError], around EINTR
// if the table changed meanwhile: then f has seen all of an answer that may lack
// what was there all the time, or have it twice.
func Dump(path string, kind uint16, header []byte, f func(kind uint16, body []byte) bool) error {
	c, err := Dial(path)
	if err != nil {
		return err
	}
	defer c.Close()
	return DumpOver(c, kind, header, f)
}

// DumpOver is Dump over a socket that nobody else uses meanwhile, and nobody at all
// after f has returned false: the rest of the answer still comes then.
func DumpOver(c *netlink.Conn, kind uint16, header []byte, f func(kind uint16, body []byte) bool) error {
	sent, err := c.Send(netlink.Message{
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
	d := dump{seq: sent.Header.Sequence, f: f}
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
		if err := d.part(b[:n]); d.done {
			return err
		}
	}
}

// A dump is what is known of an answer that is being read.
type dump struct {
	seq   uint32 // of the question
	f     func(kind uint16, body []byte) bool
	done  bool // nothing more of it comes, or is wanted
	mixed bool // the table changed meanwhile
}

// part goes through a datagram of the answer.
func (d *dump) part(b []byte) (err error) {
	messages(b, func(h header, body []byte) {
		if d.done || h.seq != d.seq { // to a question before, which was given up
			return
		}
		// It may be set from the middle of a datagram on, or in NLMSG_DONE alone
		// (nl_dump_check_consistent in <net/netlink.h>).
		d.mixed = d.mixed || h.flags&unix.NLM_F_DUMP_INTR != 0
		switch h.kind {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			// Both have an errno: the dump broke off (netlink_dump_done in
			// net/netlink/af_netlink.c), or never began.
			d.done = true
			if errno := -int32(Uint32(body)); errno > 0 {
				err = os.NewSyscallError("rtnetlink", unix.Errno(errno))
			}
		default:
			d.done = !d.f(h.kind, body)
		}
	})
	if err == nil && d.done && d.mixed {
		err = os.NewSyscallError("rtnetlink", unix.EINTR)
	}
	return err
}
