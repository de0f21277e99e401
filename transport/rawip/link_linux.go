// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"net"
	"net/netip"
	"reflect"

	"golang.org/x/sys/unix"

	"protean/transport"
)

// Interfaces implements [transport.Transport]. With Config.Interface it is
// the only one listed.
func (t *Transport) Interfaces() []transport.Interface {
	if !t.calls.enter() {
		return nil
	}
	defer t.calls.leave()
	all, _ := t.interfaces()
	return all
}

func (t *Transport) interfaces() ([]transport.Interface, error) {
	var all []transport.Interface
	err := t.ns.Do(func() error {
		list, err := net.Interfaces()
		if err != nil {
			return err
		}
		for i := range list {
			if t.ifindex == 0 || t.ifindex == list[i].Index {
				all = append(all, describe(&list[i]))
			}
		}
		return nil
	})
	return all, err
}

func describe(f *net.Interface) transport.Interface {
	d := transport.Interface{
		Index:        f.Index,
		Name:         f.Name,
		MTU:          f.MTU,
		HardwareAddr: f.HardwareAddr,
		Up:           f.Flags&net.FlagUp != 0,
		Broadcast:    f.Flags&net.FlagBroadcast != 0,
		Multicast:    f.Flags&net.FlagMulticast != 0,
		Loopback:     f.Flags&net.FlagLoopback != 0,
		PointToPoint: f.Flags&net.FlagPointToPoint != 0,
	}
	addrs, err := f.Addrs()
	if err != nil {
		return d // gone meanwhile
	}
	for _, a := range addrs {
		if p, ok := a.(*net.IPNet); ok {
			ip, _ := netip.AddrFromSlice(p.IP)
			ones, _ := p.Mask.Size()
			d.Prefixes = append(d.Prefixes, netip.PrefixFrom(ip.Unmap(), ones))
		}
	}
	return d
}

// A linkMonitor notices changes of interfaces and their addresses. The kernel
// announces them on a netlink socket (rtnetlink(7)); what has changed is then
// seen from a comparison, so that announcements may be lost or come in
// bursts. All but open and close belong to the receiving goroutine.
type linkMonitor struct {
	t       *Transport
	fd      int
	opened  bool
	changed bool
	last    []transport.Interface
	err     error // the configured interface is gone for good
	event   transport.Event
}

func (m *linkMonitor) open(t *Transport) error {
	m.t = t
	if t.cfg.SendOnly {
		return nil // nobody would be told
	}
	var err error
	if m.last, err = t.interfaces(); err != nil {
		return &net.OpError{Op: "open", Net: name, Err: err}
	}
	var fd int
	err = t.ns.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return opError("open", "socket AF_NETLINK", err)
	}
	m.fd, m.opened = fd, true
	groups := &unix.SockaddrNetlink{
		Family: unix.AF_NETLINK,
		Groups: unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR,
	}
	if err := unix.Bind(fd, groups); err != nil {
		return opError("open", "bind AF_NETLINK", err)
	}
	return t.q.watch(fd, linkID)
}

func (m *linkMonitor) close() {
	if m.opened {
		unix.Close(m.fd)
	}
}

// tell hands on what has changed since the last snapshot.
func (m *linkMonitor) tell(s transport.Sink) {
	m.changed = false
	m.drain()
	now, err := m.t.interfaces()
	if err != nil {
		return // the next change shows this one too
	}
	before := m.last
	m.last = now
	for i := range before {
		if find(now, before[i].Index) == nil {
			gone := before[i]
			gone.Up, gone.Removed = false, true
			if gone.Index == m.t.ifindex {
				m.err = opError("read", "netlink", unix.ENODEV)
			}
			m.emit(s, &gone)
		}
	}
	for i := range now {
		if old := find(before, now[i].Index); old == nil || !reflect.DeepEqual(*old, now[i]) {
			f := now[i]
			m.emit(s, &f)
		}
	}
}

func (m *linkMonitor) emit(s transport.Sink, f *transport.Interface) {
	m.event = transport.Event{Kind: transport.LinkChanged, Interface: f}
	s.Event(&m.event)
}

// drain takes the announcements out of the socket. ENOBUFS says that some were
// lost, and is over with that.
func (m *linkMonitor) drain() {
	var b [1]byte
	for {
		_, _, err := unix.Recvfrom(m.fd, b[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		if err != nil && err != unix.EINTR && err != unix.ENOBUFS {
			return
		}
	}
}

func find(list []transport.Interface, index int) *transport.Interface {
	for i := range list {
		if list[i].Index == index {
			return &list[i]
		}
	}
	return nil
}
