// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/filter"
	"protean/transport/internal/netns"
)

func inNamespace(path string, f func() error) error { return netns.Do(path, f) }

// openSocket returns a raw socket that receives nothing, in the calling
// thread's namespace.
func openSocket(protocol int, family Families) (int, error) {
	domain, network := unix.AF_INET, "ip4"
	if family == V6 {
		domain, network = unix.AF_INET6, "ip6"
	}
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		return -1, &transport.PermissionError{
			Op:         "guard: open a raw socket",
			Capability: "CAP_NET_RAW",
			Hint:       "run as root, or give the program the capability: setcap cap_net_raw+ep PROGRAM",
			Err:        os.NewSyscallError("socket", err),
		}
	case errors.Is(err, unix.EAFNOSUPPORT):
		return -1, &FamilyError{Families: family, Err: os.NewSyscallError("socket", err)}
	case err == nil:
		if err = silence(fd); err == nil {
			err = listen(fd, family)
		}
		if err == nil {
			return fd, nil
		}
		unix.Close(fd)
	default:
		err = os.NewSyscallError("socket", err)
	}
	return -1, &net.OpError{Op: "guard", Net: fmt.Sprintf("%s:%d", network, protocol), Err: err}
}

// silence drops what comes to a raw socket, for good.
//
// The receive buffer keeps its default size. It costs nothing, since nothing is
// queued, and leaves room for a packet that another processor was
// queueing while the filter was attached: a full buffer would end the guard.
func silence(fd int) error {
	if err := filter.Attach(fd, filter.None()); err != nil {
		return err
	}
	if err := filter.Lock(fd); err != nil {
		return err
	}
	return drain(fd)
}

// listen asks for ICMP errors, each with the packet it quotes. They take up no
// more of the receive buffer than leaves the socket a receiver: the kernel
// queues an error only if it fits, and refuses packets only if nothing does
// (sock_queue_err_skb in net/core/skbuff.c, raw_v4_input in net/ipv4/raw.c).
// Asking makes the kernel learn the path MTU of IPv6, too (rawv6_err).
func listen(fd int, family Families) error {
	type option struct {
		call        string
		level, name int
	}
	options := []option{
		{"IP_HDRINCL", unix.SOL_IP, unix.IP_HDRINCL},
		{"IP_RECVERR", unix.SOL_IP, unix.IP_RECVERR},
	}
	if family == V6 {
		options = []option{
			{"IPV6_HDRINCL", unix.SOL_IPV6, unix.IPV6_HDRINCL},
			{"IPV6_RECVERR", unix.SOL_IPV6, unix.IPV6_RECVERR},
		}
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, 1); err != nil {
			return os.NewSyscallError("setsockopt "+o.call, err)
		}
	}
	// Where ICMP extensions begin, since Linux 5.9; without it they count as
	// what is quoted.
	if family == V6 {
		unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVERR_RFC4884, 1)
	} else {
		unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVERR_RFC4884, 1)
	}
	return nil
}

// drain reads what arrived between socket(2) and the filter, which otherwise
// would stay in the buffer.
func drain(fd int) error {
	var b [1]byte
	for {
		_, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case err == nil || errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return nil
		default:
			return os.NewSyscallError("recvfrom", err)
		}
	}
}

func closeSocket(fd int) error { return os.NewSyscallError("close", unix.Close(fd)) }
