// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"protean/transport/guard"
	"protean/transport/internal/passfd"
	"protean/transport/internal/sockio"
)

// adopt takes duplicates of files, and finds out what they are.
func (t *Transport) adopt(files []*os.File) error {
	c := &t.cfg
	c.V4, c.V6, c.Interface = false, false, ""
	c.Local4, c.Local6 = netip.Addr{}, netip.Addr{}
	t.passed.sockets = make(map[int]int)
	t.passed.guards = make(map[uint8]*guard.Guard)
	guards := make(map[uint8][]*os.File)
	for _, f := range files {
		if err := t.adoptFile(f, guards); err != nil {
			return err
		}
	}
	for p, files := range guards {
		g, err := guard.FromFiles(files...)
		if err != nil {
			return opWrap("open", err)
		}
		t.passed.guards[p] = g
	}
	return t.conclude()
}

// adoptFile takes one socket. Those of guards are put aside.
func (t *Transport) adoptFile(f *os.File, guards map[uint8][]*os.File) error {
	fd, err := passfd.FD(f)
	if err != nil {
		return opWrap("open", err)
	}
	s, err := passfd.Inspect(fd)
	if err == nil {
		err = t.sameNamespace(fd)
	}
	var at netip.Addr
	if err == nil {
		at, err = localAddr(fd)
	}
	if err != nil {
		unix.Close(fd)
		return opWrap("open", err)
	}
	v6, p := s.V6(), uint8(s.Protocol)
	id := sockID(v6, p)
	if s.Locked {
		unix.Close(fd)
		guards[p] = append(guards[p], f)
		return nil
	}
	sends := at == senderAddr4 || at == senderAddr6 || p == 255
	if _, double := t.passed.sockets[id]; double && !sends || sends && t.senders[id].Load() != nil {
		unix.Close(fd)
		return opError("open", "getsockopt SO_PROTOCOL", unix.EINVAL)
	}
	switch {
	case at == senderAddr4 || at == senderAddr6:
		t.passed.kernel++
		at = netip.Addr{}
	case sends:
		t.passed.raw++
	}
	if sends {
		t.senders[id].Store(&sender{fd: fd, id: senderID + id, discover: -1})
		mark, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK)
		if err != nil {
			return opError("open", "getsockopt SO_MARK", err)
		}
		t.cfg.Mark = uint32(mark) // routes are looked up with it
		if err := setOptions(fd, noStamps); err != nil {
			return err
		}
	} else {
		t.passed.sockets[id] = fd
	}
	return t.note(fd, v6, at)
}

// noStamps has the numbers of transmit stamps begin anew when they are asked for.
var noStamps = []sockio.Option{{Call: "SO_TIMESTAMPING", Level: unix.SOL_SOCKET, Name: unix.SO_TIMESTAMPING_NEW}}

// note takes over into the configuration what a socket is bound to.
func (t *Transport) note(fd int, v6 bool, at netip.Addr) error {
	c, local := &t.cfg, &t.cfg.Local4
	if v6 {
		c.V6, t.caps.V6 = true, true
		local = &c.Local6
	} else {
		c.V4, t.caps.V4 = true, true
	}
	if at.IsValid() {
		*local = at
	}
	ifindex, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX)
	if err != nil || ifindex == 0 {
		return opError("open", "getsockopt SO_BINDTOIFINDEX", err)
	}
	t.ifindex = ifindex
	list, err := t.ifs.List(ifindex)
	if err == nil && len(list) == 0 {
		err = os.NewSyscallError("if_indextoname", unix.ENODEV)
	}
	if err != nil {
		return opWrap("open", err)
	}
	c.Interface = list[0].Name
	return nil
}

// conclude checks that the sockets make a transport.
func (t *Transport) conclude() error {
	p := &t.passed
	switch {
	case p.kernel == 0 && p.raw == 0:
		return unsupported("passing no socket that sends")
	case p.kernel > 0 && p.raw > 0:
		return unsupported("passing sockets of transports with different values of Config.Header")
	case t.cfg.SendOnly && (len(p.sockets) > 0 || p.kernel > 0):
		return unsupported("passing sockets that receive with SendOnly")
	}
	t.cfg.Header = Included
	if p.kernel > 0 {
		t.cfg.Header = Kernel
	}
	if len(p.sockets) > 0 {
		t.cfg.NoGuard = len(p.guards) == 0
	}
	return nil
}

// localAddr returns the address a socket is bound to, not valid if there is none.
func localAddr(fd int) (netip.Addr, error) {
	sa, err := unix.Getsockname(fd)
	var a netip.Addr
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		a = netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		a = netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			a = a.WithZone(strconv.Itoa(int(sa.ZoneId)))
		}
	}
	if a.IsUnspecified() {
		a = netip.Addr{}
	}
	return a, os.NewSyscallError("getsockname", err)
}

// sameNamespace refuses a socket that is in another network namespace than the
// transport, whose routes and interfaces would be others. Kernels before 5.14
// cannot tell (SO_NETNS_COOKIE, socket(7)).
func (t *Transport) sameNamespace(fd int) error {
	const call = "getsockopt SO_NETNS_COOKIE"
	theirs, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err == unix.ENOPROTOOPT {
		return nil
	}
	if err != nil {
		return os.NewSyscallError(call, err)
	}
	var ours uint64
	err = t.ns.Do(func() error {
		own, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(own)
		ours, err = unix.GetsockoptUint64(own, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
		return os.NewSyscallError(call, err)
	})
	if err == nil && ours != theirs {
		err = unsupported("a socket of another network namespace than the transport's")
	}
	return err
}
