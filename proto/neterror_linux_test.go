// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/wire"
	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/netlab"
	"protean/transport/rawip"
)

// kernelHosts run a host in a node over each kind of socket.
var kernelHosts = map[string]func(t *testing.T, n *netlab.Node) *proto.Host{
	"raw sockets, header included": func(t *testing.T, n *netlab.Node) *proto.Host { return rawHost(t, n, rawip.Config{}) },
	"raw sockets, header by the kernel": func(t *testing.T, n *netlab.Node) *proto.Host {
		return rawHost(t, n, rawip.Config{Header: rawip.Kernel})
	},
	"packet sockets": func(t *testing.T, n *netlab.Node) *proto.Host { return packetHost(t, n, afpacket.Config{}) },
	"packet sockets, cooked": func(t *testing.T, n *netlab.Node) *proto.Host {
		return packetHost(t, n, afpacket.Config{Cooked: true, Ring: afpacket.None})
	},
}

func packetHost(t *testing.T, n *netlab.Node, cfg afpacket.Config) *proto.Host {
	t.Helper()
	cfg.NetNS, cfg.Interface = n.NetNS(), n.Interfaces()[0].Name
	tr, err := afpacket.Open(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return runOver(t, tr)
}

// openICMP lifts the limits on a node's ICMP errors.
func openICMP(t *testing.T, n *netlab.Node) {
	t.Helper()
	for _, s := range []string{"net.ipv4.icmp_ratelimit", "net.ipv6.icmp.ratelimit"} {
		if err := n.Sysctl(s, "0"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnreachableProtocolsAreReportedWhateverThePayload: a host where nobody
// has bound the protocol says so, and who sent the packet is told, and nobody
// else, also when there are too few bytes of payload for the kernel's own error
// queue.
func TestUnreachableProtocolsAreReportedWhateverThePayload(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	openICMP(t, b)
	for name, open := range kernelHosts {
		for family, dst := range map[string]netip.Addr{"IPv4": b.Addr4(), "IPv6": b.Addr6()} {
			t.Run(name+", "+family, func(t *testing.T) {
				h := open(t, a)
				sender, other := newTold(), newTold()
				x := handle(t, h, 253, sender)
				handle(t, h, 254, other)
				bystander := newTold()
				handle(t, open(t, a), 253, bystander)
				for n := range 13 {
					size := n
					if n == 12 {
						size = 4000 // in fragments; what they become is quoted
					}
					payload := noise(size)
					do(t, x, func(env *proto.Env) {
						if err := env.Send(proto.Header{Dst: dst, Cookie: uint64(1000 + n)}, payload); err != nil {
							t.Fatal(err)
						}
					})
					e := within(t, sender.errors, fmt.Sprintf("nothing is reported about a packet with %d bytes", n))
					want := proto.NetworkError{Origin: transport.OriginICMP, Type: wire.ICMPv4Unreachable, Code: wire.ICMPv4ProtoUnreachable, Errno: syscall.ENOPROTOOPT}
					if dst.Is6() {
						want = proto.NetworkError{Origin: transport.OriginICMP6, Type: wire.ICMPv6ParamProblem, Code: wire.ICMPv6UnknownNextHeader, Errno: syscall.EPROTO}
					}
					if e.Origin != want.Origin || e.Type != want.Type || e.Code != want.Code || !errors.Is(&e, want.Errno) ||
						e.Protocol != 253 || e.Dst != dst || e.Offender != dst || e.Cookie != uint64(1000+n) || !bytes.HasPrefix(payload, e.Quoted) || len(e.Quoted) < min(size, 8) {
						t.Errorf("%d bytes: %+v", n, e)
					}
				}
				if len(other.errors)+len(bystander.errors) != 0 || !waiting(sender.errors) {
					t.Errorf("told %d errors to another protocol, %d to another host, %d more to the sender",
						len(other.errors), len(bystander.errors), len(sender.errors))
				}
			})
		}
	}
}

// TestAConnShowsOnlyErrorsAboutItsOwnPackets: of two Conns to different hosts,
// of which one has nobody who takes the protocol.
func TestAConnShowsOnlyErrorsAboutItsOwnPackets(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a, r, b := lab.Node("a"), lab.Node("r1"), lab.Node("b")
	openICMP(t, r)
	handle(t, rawHost(t, b, rawip.Config{}), 253, proto.HandlerFunc(replyInPlace))
	h := rawHost(t, a, rawip.Config{})
	for _, v6 := range []bool{false, true} {
		near, far := r.Addr4(), b.Addr4()
		if v6 {
			near, far = r.Addr6(), b.Addr6()
		}
		bad, good := conn(t)(h.Dial(253, near, nil)), conn(t)(h.Dial(253, far, nil))
		all := conn(t)(h.Listen(253, nil))
		for i := range 5 {
			write(t, bad, "x")
			var ne *proto.NetworkError
			bad.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := bad.Read(nil); !errors.As(err, &ne) || ne.Dst != near {
				t.Fatalf("%v: %v, want an error of the network", near, err)
			}
			write(t, good, fmt.Sprint(i))
			if got := read(t, good); got != fmt.Sprint(i) {
				t.Errorf("%v: %q", far, got)
			}
		}
		all.SetReadDeadline(time.Now().Add(time.Millisecond))
		var ne *proto.NetworkError
		if _, err := all.Read(nil); errors.As(err, &ne) {
			t.Errorf("a listening Conn shows %v", err)
		}
		good.Close()
		bad.Close()
		all.Close()
	}
}

// TestTooBigForThePath: the link behind a router is narrower. The first packet
// is lost, an error tells of it, and from then on packets are cut, or refused,
// as they ask for.
func TestTooBigForThePath(t *testing.T) {
	for name, open := range kernelHosts {
		if name == "raw sockets, header by the kernel" {
			continue // it cuts by itself
		}
		t.Run(name, func(t *testing.T) {
			// A network of its own, since its kernel learns, too.
			lab := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
			a, r, b := lab.Node("a"), lab.Node("r1"), lab.Node("b")
			openICMP(t, r)
			got := make(chan uint16, 100)
			handle(t, rawHost(t, b, rawip.Config{}), 253, proto.HandlerFunc(func(_ *proto.Env, p *proto.Packet) error {
				got <- p.FragSize
				return nil
			}))
			for _, dst := range []netip.Addr{b.Addr4(), b.Addr6()} {
				tooBigForThePath(t, open(t, a), dst, got)
			}
		})
	}
}

func tooBigForThePath(t *testing.T, h *proto.Host, dst netip.Addr, got <-chan uint16) {
	sender, other := newTold(), newTold()
	x := handle(t, h, 253, sender)
	handle(t, h, 254, other)
	send := func(mode proto.FragMode, n int, cookie uint64) (err error) {
		do(t, x, func(env *proto.Env) { err = env.Send(proto.Header{Dst: dst, Frag: mode, Cookie: cookie}, noise(n)) })
		return err
	}
	if err := send(proto.FragAuto, 1400, 77); err != nil {
		t.Fatal(err)
	}
	e := within(t, sender.errors, "the router's error is not reported")
	if e.MTU != 1300 || e.Cookie != 77 || !errors.Is(&e, syscall.EMSGSIZE) || e.Offender == dst {
		t.Errorf("%+v", e)
	}
	for _, r := range []*told{sender, other} {
		if p := within(t, r.paths, "a handler is not told of the path"); p.dst != dst || p.mtu != 1300 {
			t.Errorf("the path to %v is said to carry %d bytes", p.dst, p.mtu)
		}
	}
	if err := send(proto.FragAuto, 1400, 78); err != nil {
		t.Fatal(err)
	}
	if size := within(t, got, "the next packet does not arrive"); size == 0 || size > 1300 {
		t.Errorf("its largest fragment has %d bytes", size)
	}
	var big *transport.TooBigError
	if err := send(proto.FragNever, 1400, 79); !errors.As(err, &big) || big.MTU != 1300 {
		t.Errorf("FragNever: %v, want a TooBigError with an MTU of 1300", err)
	}
	if err := send(proto.FragProbe, 1400, 80); err != nil {
		t.Errorf("a probe: %v", err)
	}
	if e := within(t, sender.errors, "nothing is reported about the probe"); e.Cookie != 80 {
		t.Errorf("%+v", e)
	}
	if err := send(proto.FragProbe, 1481, 81); !errors.As(err, &big) || big.MTU != 1500 {
		t.Errorf("a larger probe: %v, want a TooBigError with an MTU of 1500", err)
	}
	do(t, x, func(env *proto.Env) {
		if r, err := env.Route(dst, 0); err != nil || r.MTU != 1300 {
			t.Errorf("Route: %+v, %v", r, err)
		}
	})
	if len(other.errors) != 0 {
		t.Error("another protocol is told the error")
	}
}
