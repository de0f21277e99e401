// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package lab

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

// Interface is the name of the interface at both ends.
const Interface = "eth0"

// Nowhere is an address on the link that nobody has. Frames to it reach the
// receiver's device and are dropped there at once, by their hardware address.
var (
	Nowhere    = netip.MustParseAddr("10.77.1.200")
	NowhereMAC = net.HardwareAddr{2, 0, 0x0a, 0x4d, 0xff, 0xff}
)

// A Lab is the network.
type Lab struct {
	*netlab.Lab
	A, B       *netlab.Node // sender and receiver
	SrcA, DstB netip.Addr
	MACA, MACB net.HardwareAddr
	sink       int
}

// New builds the network. It needs what netlab.New needs.
func New() (*Lab, error) {
	l, err := netlab.New(netlab.Pair())
	if err != nil {
		return nil, err
	}
	a, b := l.Node("a"), l.Node("b")
	lab := &Lab{Lab: l, A: a, B: b, SrcA: a.Addr4(), DstB: b.Addr4(), MACA: a.Interfaces()[0].HardwareAddr, MACB: b.Interfaces()[0].HardwareAddr, sink: -1}
	if err := lab.prepare(); err != nil {
		lab.Close()
		return nil, err
	}
	return lab, nil
}

func (l *Lab) prepare() error {
	for _, n := range []*netlab.Node{l.A, l.B} {
		if err := n.Sysctl("net.ipv6.conf.all.disable_ipv6", "1"); err != nil {
			return err
		}
	}
	for _, e := range []struct {
		n   *netlab.Node
		ip  netip.Addr
		mac net.HardwareAddr
	}{{l.A, l.DstB, l.MACB}, {l.A, Nowhere, NowhereMAC}, {l.B, l.SrcA, l.A.Interfaces()[0].HardwareAddr}} {
		if err := neighbour(e.n, e.ip, e.mac); err != nil {
			return fmt.Errorf("neighbour %v: %w", e.ip, err)
		}
	}
	return l.B.Do(func() (err error) {
		l.sink, err = sink()
		return err
	})
}

// Close takes the network down.
func (l *Lab) Close() error {
	if l.sink >= 0 {
		unix.Close(l.sink)
		l.sink = -1
	}
	return l.Lab.Close()
}

// KernelEcho turns the receiving kernel's own answers to echo requests on or
// off.
func (l *Lab) KernelEcho(on bool) error {
	v := "1"
	if on {
		v = "0"
	}
	return l.B.Sysctl("net.ipv4.icmp_echo_ignore_all", v)
}

// Arrived returns the number of frames that have arrived at the receiver's
// device.
func (l *Lab) Arrived() (n uint64, err error) {
	err = l.B.Do(func() error {
		// Of the thread's namespace.
		text, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
			if f := strings.Fields(rest); name == Interface && len(f) > 1 {
				n, err = strconv.ParseUint(f[1], 10, 64)
				return err
			}
		}
		return fmt.Errorf("no counters of %s", Interface)
	})
	return n, err
}

// sink opens a raw socket for the protocol that drops all packets and has the
// kernel believe that somebody takes them.
func sink() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 253)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	drop, err := bpf.Assemble([]bpf.Instruction{bpf.RetConstant{Val: 0}})
	if err != nil {
		return -1, err
	}
	f := unix.SockFilter{Code: drop[0].Op, Jt: drop[0].Jt, Jf: drop[0].Jf, K: drop[0].K}
	prog := &unix.SockFprog{Len: 1, Filter: &f}
	return fd, os.NewSyscallError("setsockopt", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, prog))
}

func neighbour(n *netlab.Node, ip netip.Addr, mac net.HardwareAddr) error {
	return n.Do(func() error {
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Neigh.New(&rtnetlink.NeighMessage{
			Family: unix.AF_INET, Index: uint32(n.Interfaces()[0].Index), State: unix.NUD_PERMANENT,
			Attributes: &rtnetlink.NeighAttributes{Address: ip.AsSlice(), LLAddress: mac},
		})
	})
}
