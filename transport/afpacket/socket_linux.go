// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"protean/transport/filter"
	"protean/transport/internal/sockio"
)

// A link is what a packet socket has to know of its interface.
type link struct {
	index  int
	hwtype uint16 // ARPHRD_*
	header int    // bytes of link header to write, 0 if there is none
	lacks  bool   // has no link addresses to resolve
}

// Values of sll_hatype in <linux/if_arp.h> without a link header: packets start
// at the IP header in both directions.
var bareLinks = map[uint16]bool{
	unix.ARPHRD_NONE: true, unix.ARPHRD_RAWIP: true, unix.ARPHRD_PPP: true,
	unix.ARPHRD_TUNNEL: true, unix.ARPHRD_TUNNEL6: true, unix.ARPHRD_SIT: true,
}

// findLink looks the configured interface up.
func (t *Transport) findLink() error {
	err := t.ifs.Open(t.ns)
	if err == nil {
		t.link.index, err = t.ifs.Index(t.cfg.Interface)
	}
	if err != nil {
		return opError("open", err)
	}
	if t.member.packet, err = t.socket(); err != nil {
		return err
	}
	// A socket bound without a protocol receives nothing, and tells the type.
	if err := bindTo(t.member.packet, 0, t.link.index); err != nil {
		return callError("open", "bind", err)
	}
	sa, err := unix.Getsockname(t.member.packet)
	if err != nil {
		return callError("open", "getsockname", err)
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	if !ok {
		return callError("open", "getsockname", unix.EAFNOSUPPORT)
	}
	t.link.hwtype = ll.Hatype
	switch {
	case ll.Hatype == unix.ARPHRD_ETHER:
		t.link.header = headerLen
	case ll.Hatype == unix.ARPHRD_LOOPBACK:
		t.link.header, t.link.lacks = headerLen, true
	case bareLinks[ll.Hatype]:
		t.link.lacks = true
	default:
		return unsupported("the link type " + strconv.Itoa(int(ll.Hatype)) + " (sll_hatype) of " + t.cfg.Interface)
	}
	return nil
}

// socket opens a packet socket in the transport's namespace. Without a protocol
// it receives nothing until it is bound.
func (t *Transport) socket() (fd int, err error) {
	kind := unix.SOCK_RAW
	if t.cfg.Cooked {
		kind = unix.SOCK_DGRAM
	}
	nsErr := t.ns.Do(func() error {
		fd, err = unix.Socket(unix.AF_PACKET, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		return nil
	})
	if nsErr != nil {
		return -1, opError("open", nsErr)
	}
	if err != nil {
		return -1, permission("open", "socket", "CAP_NET_RAW", err)
	}
	return fd, nil
}

// bindTo attaches a socket to the frames of a protocol on an interface.
func bindTo(fd int, protocol uint16, ifindex int) error {
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: sockio.NetworkOrder(protocol), Ifindex: ifindex})
}

// An option is one call of setsockopt(2).
type option struct {
	call        string // for errors
	level, name int
	value       int
}

func setOptions(fd int, options []option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return permission("open", "setsockopt "+o.call, "CAP_NET_ADMIN", err)
		}
	}
	return nil
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
	return callError("open", "setsockopt "+call, unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, half))
}

// open opens the socket, ready but for being bound: options first, then the
// filter, then the ring.
func (s *source) open(t *Transport) (err error) {
	if s.fd, err = t.socket(); err != nil {
		return err
	}
	return t.prepare(s)
}

func (t *Transport) prepare(s *source) error {
	options := []option{{"PACKET_AUXDATA", unix.SOL_PACKET, unix.PACKET_AUXDATA, 1}}
	if t.ringConfig() == nil {
		// For a ring the kernel reads the clock when it puts a packet there. Asking
		// for stamps would have it read the clock for each packet that arrives on any
		// interface, as long as the socket is open (net_enable_timestamp in
		// net/core/dev.c).
		options = append(options, option{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1})
	}
	if err := setOptions(s.fd, options); err != nil {
		return err
	}
	if t.cfg.HardwareTime {
		err := setOptions(s.fd, []option{
			{"PACKET_TIMESTAMP", unix.SOL_PACKET, unix.PACKET_TIMESTAMP, unix.SOF_TIMESTAMPING_RAW_HARDWARE},   // a ring's
			{"SO_TIMESTAMPING", unix.SOL_SOCKET, unix.SO_TIMESTAMPING_NEW, unix.SOF_TIMESTAMPING_RAW_HARDWARE}, // the queue's
		})
		if err != nil {
			return err
		}
	}
	// Only sockets of ETH_P_ALL see what goes out; the kernel knows the option
	// since Linux 4.20, and packets that still come are dropped.
	if !t.cfg.Outgoing {
		err := unix.SetsockoptInt(s.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
		if err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
			return callError("open", "setsockopt PACKET_IGNORE_OUTGOING", err)
		}
	}
	if err := setBuffer(s.fd, t.cfg.RcvBuf, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, "SO_RCVBUF"); err != nil {
		return err
	}
	if t.cfg.Promiscuous {
		if err := t.promiscuous(s.fd); err != nil {
			return err
		}
	}
	p := t.policy.Load()
	program := t.program(p, true)
	if err := opError("open", t.attach(s.fd, p, &program)); err != nil {
		return err
	}
	return s.init(t)
}

// lock has a socket's filter stay, with Config.Lock. The program of its fanout group
// has to be there: the kernel takes none from a socket that is locked
// (fanout_set_data_cbpf in net/packet/af_packet.c).
func (t *Transport) lock(fd int) error {
	if len(t.cfg.Lock) == 0 {
		return nil
	}
	return opError("open", filter.Lock(fd))
}

func (t *Transport) promiscuous(fd int) error {
	m := unix.PacketMreq{Ifindex: int32(t.link.index), Type: unix.PACKET_MR_PROMISC}
	err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m)
	return callError("open", "setsockopt PACKET_ADD_MEMBERSHIP", err)
}

// pendingError takes the error that waits at a socket.
func pendingError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt SO_ERROR", err)
	}
	if n == 0 {
		return nil
	}
	return unix.Errno(n)
}

// orphaned reports whether a socket's interface was deleted or moved to another
// namespace: the kernel then has unbound it for good (packet_notifier in
// net/packet/af_packet.c).
func orphaned(fd int) bool {
	sa, err := unix.Getsockname(fd)
	ll, ok := sa.(*unix.SockaddrLinklayer)
	return err == nil && ok && ll.Ifindex == -1
}
