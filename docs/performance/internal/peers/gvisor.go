// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package peers

import (
	"fmt"
	"net"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/fdbased"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"

	"protean/docs/performance/internal/worker"
)

// A gvisorLink is a packet socket under gVisor's link endpoint.
type gvisorLink struct {
	fd   int
	addr tcpip.LinkAddress
	stack.LinkEndpoint
	ended chan struct{}
}

func openGvisorLink(o *worker.Options, mode fdbased.PacketDispatchMode, filter []bpf.RawInstruction) (*gvisorLink, error) {
	ifi, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var code []unix.SockFilter
	for _, i := range filter {
		code = append(code, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}); err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, worker.BufferSize); err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0008, Ifindex: ifi.Index}); err != nil {
		return nil, err
	}
	l := &gvisorLink{fd: fd, addr: tcpip.LinkAddress(ifi.HardwareAddr), ended: make(chan struct{})}
	l.LinkEndpoint, err = fdbased.New(&fdbased.Options{
		FDs: []int{fd}, MTU: uint32(ifi.MTU), EthernetHeader: true, Address: l.addr, PacketDispatchMode: mode, InterfaceIndex: ifi.Index,
	})
	return l, err
}

func (l *gvisorLink) Run() error {
	<-l.ended
	return nil
}

func (l *gvisorLink) Close() { close(l.ended) }

// gvisorReceiver is the link endpoint alone, without a stack.
type gvisorReceiver struct {
	*gvisorLink
	*worker.Counter
}

func openGvisor(o *worker.Options, mode fdbased.PacketDispatchMode) (worker.Session, error) {
	l, err := openGvisorLink(o, mode, worker.Filter())
	if err != nil {
		return nil, err
	}
	r := &gvisorReceiver{l, worker.NewCounter()}
	l.Attach(r)
	return r, nil
}

// DeliverNetworkPacket takes in a packet.
func (r *gvisorReceiver) DeliverNetworkPacket(_ tcpip.NetworkProtocolNumber, pkt *stack.PacketBuffer) {
	if p, ok := pkt.Data().PullUp(pkt.Data().Size()); ok {
		r.IP(p)
	}
}

// DeliverLinkPacket does nothing.
func (r *gvisorReceiver) DeliverLinkPacket(tcpip.NetworkProtocolNumber, *stack.PacketBuffer) {}

func (r *gvisorReceiver) Counted() (packets, lost uint64) { return r.Packets, 0 }

// gvisorHost is a whole stack, which answers echo requests itself.
type gvisorHost struct {
	*gvisorLink
	s *stack.Stack
}

func openEchoGvisor(o *worker.Options, mode fdbased.PacketDispatchMode) (worker.Session, error) {
	l, err := openGvisorLink(o, mode, icmpFilter())
	if err != nil {
		return nil, err
	}
	own, err := address(o.Interface)
	if err != nil {
		return nil, err
	}
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{icmp.NewProtocol4},
	})
	const nic = 1
	a := tcpip.AddrFrom4(own)
	for _, bad := range []tcpip.Error{
		s.CreateNIC(nic, l.LinkEndpoint),
		s.AddProtocolAddress(nic, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: a.WithPrefix()}, stack.AddressProperties{}),
		s.AddStaticNeighbor(nic, ipv4.ProtocolNumber, tcpip.AddrFrom4(o.Src.As4()), tcpip.LinkAddress(o.MAC[:])),
	} {
		if bad != nil {
			return nil, fmt.Errorf("gVisor: %v", bad)
		}
	}
	everywhere, err := tcpip.NewSubnet(tcpip.AddrFrom4([4]byte{}), tcpip.MaskFromBytes(make([]byte, 4)))
	if err != nil {
		return nil, err
	}
	s.SetRouteTable([]tcpip.Route{{Destination: everywhere, NIC: nic}})
	return &gvisorHost{l, s}, nil
}

func (h *gvisorHost) Counted() (packets, lost uint64) {
	return h.s.Stats().ICMP.V4.PacketsSent.EchoReply.Value(), 0
}

// address returns an interface's IPv4 address.
func address(name string) (a [4]byte, err error) {
	ifi, err := net.InterfaceByName(name)
	if err != nil {
		return a, err
	}
	all, err := ifi.Addrs()
	if err != nil {
		return a, err
	}
	for _, x := range all {
		if n, ok := x.(*net.IPNet); ok && n.IP.To4() != nil {
			return [4]byte(n.IP.To4()), nil
		}
	}
	return a, fmt.Errorf("%s has no IPv4 address", name)
}

// icmpFilter lets ICMP pass, in an Ethernet frame.
func icmpFilter() []bpf.RawInstruction {
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 14 + 9, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 1, SkipFalse: 1},
		bpf.RetConstant{Val: 0x40000},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		panic(err) // the program is constant
	}
	return raw
}
