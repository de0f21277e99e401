// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/filter"
	"protean/transport/internal/sockio"
)

// socket opens a non-blocking raw socket in the transport's namespace.
func (t *Transport) socket(v6 bool, protocol int) (fd int, err error) {
	family := unix.AF_INET
	if v6 {
		family = unix.AF_INET6
	}
	nsErr := t.ns.Do(func() error {
		fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
		return nil
	})
	switch {
	case nsErr != nil:
		return -1, &net.OpError{Op: "open", Net: name, Err: nsErr}
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		return -1, &transport.PermissionError{
			Op:         "socket",
			Capability: "CAP_NET_RAW",
			Hint:       "run as root, grant it with setcap cap_net_raw+ep PROGRAM, or run in a user namespace of its own (unshare -Urn)",
			Err:        os.NewSyscallError("socket", err),
		}
	case err != nil:
		return -1, opError("open", "socket", err)
	}
	return fd, nil
}

func setOptions(fd int, options []sockio.Option) error {
	return opWrap("open", sockio.SetOptions(fd, options))
}

// confine binds a socket to the configured interface and, if local is set, to
// the configured address.
func (t *Transport) confine(fd int, v6, local bool) error {
	if err := setOptions(fd, t.cfg.options(v6)); err != nil {
		return err
	}
	if t.cfg.Interface != "" {
		err := error(unix.ENODEV)
		if len(t.cfg.Interface) < unix.IFNAMSIZ { // the kernel would look for a shorter name
			err = unix.BindToDevice(fd, t.cfg.Interface)
		}
		if err != nil {
			return opError("bind", "setsockopt SO_BINDTODEVICE "+strconv.Quote(t.cfg.Interface), err)
		}
	}
	var sa unix.Sockaddr
	switch {
	case !local:
		return nil
	case !v6 && t.cfg.Local4.IsValid():
		sa = &unix.SockaddrInet4{Addr: t.cfg.Local4.As4()}
	case v6 && t.cfg.Local6.IsValid():
		scope, err := t.zone(t.cfg.Local6)
		if err != nil {
			return err
		}
		sa = &unix.SockaddrInet6{Addr: t.cfg.Local6.As16(), ZoneId: scope}
	default:
		return nil
	}
	if err := unix.Bind(fd, sa); err != nil {
		return opError("bind", "bind", err)
	}
	return nil
}

// zone returns the index of the interface that an address's zone names, as a
// name or a number; 0 if there is no zone.
func (t *Transport) zone(a netip.Addr) (uint32, error) {
	if a.Zone() == "" {
		return 0, nil
	}
	n, err := t.ifs.Zone(a.Zone())
	if err != nil {
		return 0, addrError("bind", "its zone is not an interface", a)
	}
	return uint32(n), nil
}

// options are those that the configuration asks for.
func (c *Config) options(v6 bool) (o []sockio.Option) {
	level, transparent, free, loop := unix.SOL_IP, unix.IP_TRANSPARENT, unix.IP_FREEBIND, unix.IP_MULTICAST_LOOP
	if v6 {
		level, transparent, free, loop = unix.SOL_IPV6, unix.IPV6_TRANSPARENT, unix.IPV6_FREEBIND, unix.IPV6_MULTICAST_LOOP
	}
	if c.FreeBind {
		o = append(o, sockio.Option{Call: "FREEBIND", Level: level, Name: free, Value: 1})
	}
	if c.Transparent {
		o = append(o, sockio.Option{Call: "TRANSPARENT", Level: level, Name: transparent, Value: 1})
	}
	if c.NoLoop {
		o = append(o, sockio.Option{Call: "MULTICAST_LOOP", Level: level, Name: loop, Value: 0})
	}
	if c.Mark != 0 {
		o = append(o, sockio.Option{Call: "SO_MARK", Level: unix.SOL_SOCKET, Name: unix.SO_MARK, Value: int(c.Mark)})
	}
	if c.Priority != 0 {
		o = append(o, sockio.Option{Call: "SO_PRIORITY", Level: unix.SOL_SOCKET, Name: unix.SO_PRIORITY, Value: c.Priority})
	}
	if c.DontRoute {
		o = append(o, sockio.Option{Call: "SO_DONTROUTE", Level: unix.SOL_SOCKET, Name: unix.SO_DONTROUTE, Value: 1})
	}
	return o
}

// dropAll makes a socket receive nothing that is not queued already.
func dropAll(fd int) error { return opWrap("open", filter.Attach(fd, filter.None())) }

// undrop takes back dropAll after removing what was received before it.
func undrop(fd int) error {
	var b [1]byte
	for {
		if _, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC); err != nil && err != unix.EINTR {
			break
		}
	}
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
	return opError("open", "setsockopt SO_DETACH_FILTER", err)
}

// setBuffer sets a buffer to size bytes as getsockopt counts them, beyond the
// system's limit if that is permitted.
func setBuffer(fd, size, force, plain int, call string) error {
	if size <= 0 {
		return nil
	}
	half := max(size/2, 1) // the kernel doubles what it is given (socket(7))
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, half) == nil {
		return nil
	}
	return opError("open", "setsockopt "+call, unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, half))
}

// opError wraps what a system call returned; nil stays nil.
func opError(op, call string, err error) error {
	return opWrap(op, os.NewSyscallError(call, err))
}

// opWrap says during which operation an error came; nil stays nil.
func opWrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: name, Err: err}
}
