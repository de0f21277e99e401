// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/netns"
	"protean/transport/internal/sockio"
	"protean/transport/route"
)

// Open opens a transport. Errors: *[transport.PermissionError] if no group of
// the process is in the sysctl net.ipv4.ping_group_range,
// *[transport.UnsupportedError] on other systems than Linux, and *[net.OpError]
// around an [*os.SyscallError] for what else the kernel refuses, such as ENODEV
// for an unknown interface or EAFNOSUPPORT for a missing family.
func Open(cfg *Config) (*Transport, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	ns, err := netns.At(c.NetNS)
	if err != nil {
		return nil, opError("open", err)
	}
	t := &Transport{cfg: c, ns: ns, calls: sockio.NewGate()}
	if err := t.open(); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Transport) open() (err error) {
	if err := opError("open", t.ifs.Open(t.ns)); err != nil {
		return err
	}
	if err := t.openFamilies(); err != nil {
		return err
	}
	if t.router, err = route.Open(&route.Config{NetNS: t.ns.Path()}); err != nil {
		return opError("open", err)
	}
	if t.cfg.Interface != "" {
		if t.ifindex, err = t.ifs.Index(t.cfg.Interface); err != nil {
			return opError("open", err)
		}
	}
	return t.q.open(t)
}

// openFamilies finds out which families there are, and whether they may be used.
func (t *Transport) openFamilies() error {
	c := &t.caps
	both := !t.cfg.V4 && !t.cfg.V6
	for _, v6 := range []bool{false, true} {
		if wanted := t.cfg.V4 && !v6 || t.cfg.V6 && v6; !wanted && !both {
			continue
		}
		fd, err := t.socket(v6)
		switch {
		case err == nil && v6:
			c.V6 = true
		case err == nil:
			c.V4 = true
		case both && v6 && errors.Is(err, unix.EAFNOSUPPORT):
			continue
		default:
			return err
		}
		unix.Close(fd)
	}
	c.Name = name
	c.Batch = t.cfg.Batch
	c.MaxPacket = 65535
	c.Fragments, c.Reassembles, c.BuildsHeader, c.QuotesErrors = true, true, true, true
	if c.V4 {
		c.Known4 = transport.FieldsAll4 &^ (transport.FieldID | transport.FieldDF)
	}
	if c.V6 {
		c.MaxPacket += 40
		c.Known6 = transport.FieldsAll6
	}
	return nil
}

// socket opens an ICMP datagram socket that is not bound, ready to receive.
func (t *Transport) socket(v6 bool) (fd int, err error) {
	family, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if v6 {
		family, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	nsErr := t.ns.Do(func() error {
		fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
		return nil
	})
	switch {
	case nsErr != nil:
		return -1, opError("open", nsErr)
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		return -1, &transport.PermissionError{
			Op:         "socket",
			Capability: "a group in the range of the sysctl net.ipv4.ping_group_range",
			Hint:       `allow all groups with sysctl net.ipv4.ping_group_range="0 2147483647", or use raw sockets with CAP_NET_RAW`,
			Err:        os.NewSyscallError("socket", err),
		}
	case err != nil:
		return -1, opError("open", os.NewSyscallError("socket", err))
	}
	if err := t.prepare(fd, v6); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// prepare has the kernel tell of a packet what it strips, and of errors.
func (t *Transport) prepare(fd int, v6 bool) error {
	options := []sockio.Option{
		{Call: "IP_RECVERR", Level: unix.SOL_IP, Name: unix.IP_RECVERR, Value: 1},
		{Call: "IP_PKTINFO", Level: unix.SOL_IP, Name: unix.IP_PKTINFO, Value: 1},
		{Call: "IP_RECVTTL", Level: unix.SOL_IP, Name: unix.IP_RECVTTL, Value: 1},
		{Call: "IP_RECVTOS", Level: unix.SOL_IP, Name: unix.IP_RECVTOS, Value: 1},
		{Call: "IP_RECVFRAGSIZE", Level: unix.SOL_IP, Name: unix.IP_RECVFRAGSIZE, Value: 1},
		{Call: "IP_RECVOPTS", Level: unix.SOL_IP, Name: unix.IP_RECVOPTS, Value: 1},
		{Call: "SO_BROADCAST", Level: unix.SOL_SOCKET, Name: unix.SO_BROADCAST, Value: 1},
	}
	if v6 {
		options = []sockio.Option{
			{Call: "IPV6_RECVERR", Level: unix.SOL_IPV6, Name: unix.IPV6_RECVERR, Value: 1},
			{Call: "IPV6_RECVPKTINFO", Level: unix.SOL_IPV6, Name: unix.IPV6_RECVPKTINFO, Value: 1},
			{Call: "IPV6_RECVHOPLIMIT", Level: unix.SOL_IPV6, Name: unix.IPV6_RECVHOPLIMIT, Value: 1},
			{Call: "IPV6_RECVFRAGSIZE", Level: unix.SOL_IPV6, Name: unix.IPV6_RECVFRAGSIZE, Value: 1},
			{Call: "IPV6_FLOWINFO", Level: unix.SOL_IPV6, Name: sockio.FlowInfo, Value: 1},
		}
		options = append(options, sockio.ExtOptions()...)
	}
	options = append(options,
		// By default, these sockets share identifiers, see queue.bind.
		sockio.Option{Call: "SO_REUSEADDR", Level: unix.SOL_SOCKET, Name: unix.SO_REUSEADDR, Value: 0},
		sockio.Option{Call: "SO_TIMESTAMPNS", Level: unix.SOL_SOCKET, Name: unix.SO_TIMESTAMPNS_NEW, Value: 1},
		sockio.Option{Call: "SO_RXQ_OVFL", Level: unix.SOL_SOCKET, Name: unix.SO_RXQ_OVFL, Value: 1})
	if t.cfg.RcvBuf > 0 {
		options = append(options, sockio.Option{Call: "SO_RCVBUF", Level: unix.SOL_SOCKET, Name: unix.SO_RCVBUF, Value: max(t.cfg.RcvBuf/2, 1)})
	}
	if err := sockio.SetOptions(fd, options); err != nil {
		return opError("open", err)
	}
	if t.cfg.Interface == "" {
		return nil
	}
	err := error(unix.ENODEV)
	if len(t.cfg.Interface) < unix.IFNAMSIZ {
		err = unix.BindToDevice(fd, t.cfg.Interface)
	}
	return opError("open", os.NewSyscallError("setsockopt SO_BINDTODEVICE", err))
}

// opError says during which operation an error came; nil stays nil.
func opError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: name, Err: err}
}
