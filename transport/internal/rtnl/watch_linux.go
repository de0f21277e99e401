// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rtnl

import (
	"encoding/binary"
	"errors"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A Watch reads notifications on a goroutine of its own.
type Watch struct {
	conn *netlink.Conn
	done chan struct{}
}

// NewWatch subscribes to groups, of RTNLGRP_ in <linux/rtnetlink.h>, in the
// namespace at path (see [Dial]) and calls f with each datagram that comes: one
// or more messages, valid until f returns, or nil when some were lost. Groups
// that the kernel does not know are left out.
func NewWatch(path string, groups []uint32, f func(messages []byte)) (*Watch, error) {
	c, err := Dial(path)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		if err := c.JoinGroup(g); err != nil && !errors.Is(err, unix.EINVAL) {
			c.Close()
			return nil, err
		}
	}
	rc, err := c.SyscallConn()
	if err != nil {
		c.Close()
		return nil, err
	}
	w := &Watch{conn: c, done: make(chan struct{})}
	go w.run(rc, f)
	return w, nil
}

func (w *Watch) run(rc syscall.RawConn, f func([]byte)) {
	defer close(w.done)
	b := make([]byte, 1<<16) // more than any notification; what is longer counts as lost
	for {
		var n int
		var rerr error
		err := rc.Read(func(fd uintptr) bool {
			n, _, rerr = unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
			return rerr != unix.EAGAIN && rerr != unix.EINTR
		})
		switch {
		case err != nil: // closed
			return
		case rerr == unix.ENOBUFS, rerr == nil && n > len(b):
			f(nil)
		case rerr == nil:
			f(b[:n])
		default:
			return
		}
	}
}

// Close ends the goroutine and waits for it. It must not be called by f.
func (w *Watch) Close() {
	w.conn.Close()
	<-w.done
}

// Messages calls f for each message of a datagram.
func Messages(b []byte, f func(kind uint16, body []byte)) {
	messages(b, func(h header, body []byte) { f(h.kind, body) })
}

// A header is what matters of struct nlmsghdr.
type header struct {
	kind  uint16
	flags uint16 // NLM_F_
	seq   uint32
}

// messages is Messages with the header of each.
func messages(b []byte, f func(h header, body []byte)) {
	for len(b) >= unix.NLMSG_HDRLEN {
		n := int(Uint32(b))
		if n < unix.NLMSG_HDRLEN || n > len(b) {
			return
		}
		f(header{
			kind: binary.NativeEndian.Uint16(b[4:]), flags: binary.NativeEndian.Uint16(b[6:]), seq: Uint32(b[8:]),
		}, b[unix.NLMSG_HDRLEN:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}
