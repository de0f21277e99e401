// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"encoding/binary"
	"os"
	"reflect"
	"slices"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/netns"
)

// A LinkMonitor notices changes of interfaces and their addresses. The kernel
// announces them on a netlink socket (rtnetlink(7)); what has changed is then
// seen from a comparison, so that announcements may be lost or come in
// bursts. All but Open and Close belong to one goroutine.
type LinkMonitor struct {
	list   *Interfaces
	only   int
	fd     int
	opened bool
	now    []transport.Interface // as they were seen last
	told   []transport.Interface // as they were when Tell was called last
	left   []int                 // indexes of those that were deleted or moved since then; some may be back
}

// Open begins to watch the interfaces of a namespace, or only the one of the
// given index if that is not 0, which list lists. The caller closes the monitor, also
// after an error.
func (m *LinkMonitor) Open(ns *netns.Handle, list *Interfaces, only int) (err error) {
	m.list, m.only = list, only
	err = ns.Do(func() (err error) {
		m.fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		return os.NewSyscallError("socket AF_NETLINK", err)
	})
	if err != nil {
		return err
	}
	m.opened = true
	groups := &unix.SockaddrNetlink{
		Family: unix.AF_NETLINK,
		Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR,
	}
	if err := unix.Bind(m.fd, groups); err != nil {
		return os.NewSyscallError("bind AF_NETLINK", err)
	}
	// In this order: what changes before they are listed is seen, and what changes
	// later is announced.
	m.now, err = list.List(only)
	m.told = m.now
	return err
}

// FD returns the descriptor that is readable when something has changed. It
// stays the monitor's.
func (m *LinkMonitor) FD() int { return m.fd }

// Close closes the monitor.
func (m *LinkMonitor) Close() {
	if m.opened {
		unix.Close(m.fd)
	}
}

// Interfaces returns what there was when the monitor looked last: when it was opened,
// or by Look or Changes. It stays as it is, and must not be changed.
func (m *LinkMonitor) Interfaces() []transport.Interface { return m.now }

// Changes is Look and Tell.
func (m *LinkMonitor) Changes(changed func(f *transport.Interface)) {
	if m.Look() {
		m.Tell(changed)
	}
}

// Look takes the announcements, and in what there is now, and reports whether it
// could.
func (m *LinkMonitor) Look() bool {
	m.drain()
	now, err := m.list.List(m.only)
	if err != nil {
		return false // the next change shows this one too
	}
	m.now = now
	return true
}

// Tell calls changed with each interface that is new, differs from what it was at
// the last call, or, with Removed set, is gone; one that is back under its index was gone,
// and is new. The monitor keeps nothing of what changed gets.
func (m *LinkMonitor) Tell(changed func(f *transport.Interface)) {
	before, now, left := m.told, m.now, m.left
	m.told, m.left = now, nil
	for i := range before {
		if index := before[i].Index; find(now, index) == nil || slices.Contains(left, index) {
			gone := before[i].Clone()
			gone.Up, gone.Removed = false, true
			changed(&gone)
		}
	}
	for i := range now {
		old := find(before, now[i].Index)
		if old == nil || slices.Contains(left, old.Index) || !reflect.DeepEqual(*old, now[i]) {
			f := now[i].Clone()
			changed(&f)
		}
	}
}

// drain takes the announcements out of the socket. ENOBUFS says that some were
// lost, and is over with that.
func (m *LinkMonitor) drain() {
	var b [unix.NLMSG_HDRLEN + unix.SizeofIfInfomsg]byte // each is one message, of which this is enough
	for {
		n, _, err := unix.Recvfrom(m.fd, b[:], unix.MSG_DONTWAIT)
		switch {
		case err == nil && n == len(b):
			if index := deleted(b[:]); index != 0 && (m.only == 0 || m.only == index) && !slices.Contains(m.left, index) {
				m.left = append(m.left, index)
			}
		case err != nil && err != unix.EINTR && err != unix.ENOBUFS:
			return
		}
	}
}

// deleted returns the index of an interface that was deleted, or moved away, if that is
// what is announced, and 0 if not. A port that leaves a bridge is announced likewise,
// for that family.
func deleted(b []byte) int {
	info := b[unix.NLMSG_HDRLEN:]
	if binary.NativeEndian.Uint16(b[4:]) != unix.RTM_DELLINK || info[0] != unix.AF_UNSPEC {
		return 0
	}
	return int(binary.NativeEndian.Uint32(info[ifiIndex:]))
}

func find(list []transport.Interface, index int) *transport.Interface {
	for i := range list {
		if list[i].Index == index {
			return &list[i]
		}
	}
	return nil
}
