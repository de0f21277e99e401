// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/sockio"
	"protean/transport/netlab"
)

// An echoer answers echo requests over a transport, on a goroutine that ends
// with it.
type echoer struct {
	t    testing.TB
	q    transport.Queue
	seen chan transport.PacketType // of each request
}

func (e *echoer) Event(*transport.Event) {}

func (e *echoer) Deliver(p *transport.Packet) {
	m := p.Payload()
	reply := append([]byte(nil), m...)
	var b []byte
	switch {
	case p.Protocol() == wire.ProtoICMP && m[0] == wire.ICMPv4Echo:
		reply[0] = wire.ICMPv4EchoReply
		h := wire.IPv4Fields{TTL: 64, Protocol: wire.ProtoICMP, Src: p.Dst(), Dst: p.Src(), PayloadLen: len(m)}
		b = make([]byte, h.Len()+len(m))
		if err := h.Marshal(b); err != nil {
			e.t.Error(err)
		}
		wire.ICMPv4(reply).FillChecksum()
		copy(b[h.Len():], reply)
	case p.Protocol() == wire.ProtoICMPv6 && m[0] == wire.ICMPv6Echo:
		reply[0] = wire.ICMPv6EchoReply
		h := wire.IPv6Fields{HopLimit: 64, Protocol: wire.ProtoICMPv6, Src: p.Dst(), Dst: p.Src(), PayloadLen: len(m)}
		b = make([]byte, h.Len()+len(m))
		if err := h.Marshal(b); err != nil {
			e.t.Error(err)
		}
		wire.ICMPv6(reply).FillChecksum(p.Dst(), p.Src())
		copy(b[h.Len():], reply)
	default:
		return
	}
	e.seen <- p.Type()
	var batch transport.Batch
	err := e.q.Reserve(&batch, 1)
	if err == nil {
		batch.Slots[0].Data = append(batch.Slots[0].Data, b...)
		_, err = e.q.Commit(&batch, 1)
	}
	if err != nil && !errors.Is(err, net.ErrClosed) { // whoever asked may have had the kernel's answer, and be done
		e.t.Error(err)
	}
}

func respond(t testing.TB, tr *Transport) *echoer {
	t.Helper()
	for _, p := range []int{wire.ProtoICMP, wire.ProtoICMPv6} {
		if err := tr.Bind(p); err != nil {
			t.Fatal(err)
		}
	}
	e := &echoer{t: t, q: tr.Queues()[0], seen: make(chan transport.PacketType, 1000)}
	done := make(chan error, 1)
	go func() {
		for {
			n, err := e.q.Recv(e, 64)
			if n == 0 && err == nil {
				err = e.q.Wait(time.Time{})
			}
			if err != nil {
				done <- err
				return
			}
		}
	}()
	t.Cleanup(func() {
		tr.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return e
}

// ping has the kernel of a node ask an address and returns an error if no answer
// comes in time.
func ping(n *netlab.Node, dst netip.Addr, patience time.Duration) error {
	return n.Do(func() error {
		network, request, answer := "ip4:icmp", uint8(wire.ICMPv4Echo), uint8(wire.ICMPv4EchoReply)
		if dst.Is6() {
			network, request, answer = "ip6:ipv6-icmp", wire.ICMPv6Echo, wire.ICMPv6EchoReply
		}
		c, err := net.Dial(network, dst.String())
		if err != nil {
			return err
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		b := make([]byte, 64)
		b[0], b[4] = request, 77
		if dst.Is4() {
			wire.ICMPv4(b).FillChecksum()
		} // the kernel fills in that of ICMPv6
		if _, err := c.Write(b); err != nil {
			return err
		}
		for {
			got := make([]byte, 1500)
			k, err := c.Read(got)
			if err != nil {
				return err
			}
			if dst.Is4() && k > 20 { // Read of an IPConn leaves the header in place
				got, k = got[int(got[0]&15)*4:], k-int(got[0]&15)*4
			}
			if k == len(b) && got[0] == answer && got[4] == 77 {
				return nil
			}
		}
	})
}

var claimed = []netip.Addr{netip.MustParseAddr("10.77.1.200"), netip.MustParseAddr("fd77:1::200")}

// A claimed address is as good as one of the kernel's, with the interface's
// hardware address or one of its own.
func TestAClaimedAddressIsReached(t *testing.T) {
	t.Parallel() // it waits for the kernel
	for name, c := range map[string]Config{
		"V3": {}, "V2": {Ring: V2}, "no ring": {Ring: None}, "transmit ring": {TxRing: true}, "all": {All: true},
		"cooked": {Cooked: true, Ring: V2}, "cooked, no ring": {Cooked: true, Ring: None},
	} {
		t.Run(name, func(t *testing.T) {
			lab := netlab.Test(t, netlab.Pair())
			a, b := lab.Node("a"), lab.Node("b")
			index := b.Interfaces()[0].Index
			c.Interface, c.NetNS = "eth0", b.NetNS()
			tr, err := Open(&c)
			if err != nil {
				t.Fatal(err)
			}
			e := respond(t, tr)
			sniff := newSniffer(t, a)
			own, foreign := wire.MAC(b.Interfaces()[0].HardwareAddr), wire.MAC{2, 0, 0x5e, 0, 1, 7}
			for _, hw := range []wire.MAC{{}, foreign} {
				for _, dst := range claimed {
					var err error
					if hw == (wire.MAC{}) {
						err = tr.Claim(index, dst, nil)
					} else {
						err = tr.Claim(index, dst, hw[:])
					}
					if err != nil {
						t.Fatal(err)
					}
					if err := ping(a, dst, 10*time.Second); err != nil {
						t.Errorf("%v at %v: %v", dst, hw, err)
						continue
					}
					if kind := <-e.seen; kind != transport.PacketHost {
						t.Errorf("%v at %v: the request is of type %v", dst, hw, kind)
					}
					want := own
					if hw == foreign && !c.Cooked {
						want = foreign
					}
					if got := sniff.source(t, dst); got != want {
						t.Errorf("%v at %v: the answer came from %v, want %v", dst, hw, got, want)
					}
				}
			}
			for _, dst := range claimed {
				if err := tr.Unclaim(index, dst); err != nil {
					t.Errorf("Unclaim(%v): %v", dst, err)
				}
				if err := ping(a, dst, 50*time.Millisecond); !os.IsTimeout(err) {
					t.Errorf("%v, given up: %v", dst, err)
				}
				if err := tr.Unclaim(index, dst); !errors.Is(err, syscall.EADDRNOTAVAIL) {
					t.Errorf("Unclaim(%v) again: %v", dst, err)
				}
			}
			if err := ping(a, b.Addr4(), 10*time.Second); err != nil { // the kernel answers, and so do we
				t.Errorf("an address of the kernel's: %v", err)
			}
		})
	}
}

func TestClaimRefusesWhatCannotBe(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	b := lab.Node("b")
	index := b.Interfaces()[0].Index
	tr, err := Open(&Config{Interface: "eth0", NetNS: b.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	only4, err := Open(&Config{Interface: "eth0", NetNS: b.NetNS(), V4: true})
	if err != nil {
		t.Fatal(err)
	}
	defer only4.Close()
	loopback, err := Open(&Config{Interface: "lo", NetNS: b.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	defer loopback.Close()
	for _, c := range []struct {
		name string
		err  error
		want error
	}{
		{"another interface", tr.Claim(index+1, claimed[0], nil), syscall.ENODEV},
		{"the zero address", tr.Claim(index, netip.Addr{}, nil), syscall.EINVAL},
		{"a group", tr.Claim(index, netip.MustParseAddr("224.0.0.1"), nil), syscall.EINVAL},
		{"everybody", tr.Claim(index, netip.MustParseAddr("255.255.255.255"), nil), syscall.EINVAL},
		{"loopback", tr.Claim(index, netip.MustParseAddr("127.0.0.2"), nil), syscall.EINVAL},
		{"the unspecified address", tr.Claim(index, netip.IPv6Unspecified(), nil), syscall.EINVAL},
		{"IPv4 in IPv6", tr.Claim(index, netip.MustParseAddr("::ffff:10.77.1.200"), nil), syscall.EINVAL},
		{"a family that is not carried", only4.Claim(index, claimed[1], nil), syscall.EINVAL},
		{"half a hardware address", tr.Claim(index, claimed[0], []byte{2, 0, 0}), syscall.EINVAL},
		{"a group's hardware address", tr.Claim(index, claimed[0], []byte{1, 0, 0x5e, 0, 0, 1}), syscall.EINVAL},
		{"a hardware address where there are none", loopback.Claim(1, claimed[0], []byte{2, 0, 0, 0, 0, 1}), syscall.EINVAL},
		{"the kernel's address", tr.Claim(index, b.Addr4(), nil), syscall.EADDRINUSE},
		{"the kernel's address", tr.Claim(index, b.Addr6(), nil), syscall.EADDRINUSE},
		{"not claimed", tr.Unclaim(index, claimed[0]), syscall.EADDRNOTAVAIL},
	} {
		var op *net.OpError
		if !errors.Is(c.err, c.want) || !errors.As(c.err, &op) || op.Net != "afpacket" {
			t.Errorf("%s: %v, want %v", c.name, c.err, c.want)
		}
	}
	if err := loopback.Claim(1, claimed[0], nil); err != nil {
		t.Errorf("where nobody asks: %v", err)
	}
	tr.Close()
	if err := tr.Claim(index, claimed[0], nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// A sniffer sees the frames that a node receives.
type sniffer struct{ fd int }

func newSniffer(t *testing.T, n *netlab.Node) sniffer {
	t.Helper()
	s := sniffer{-1}
	err := n.Do(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(sockio.NetworkOrder(unix.ETH_P_ALL)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(s.fd) })
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		t.Fatal(err)
	}
	return s
}

// source returns the hardware address that the next echo reply from an address
// comes from.
func (s sniffer) source(t *testing.T, from netip.Addr) wire.MAC {
	t.Helper()
	return s.next(t, func(p *transport.Packet) bool {
		reply := p.Protocol() == wire.ProtoICMP && p.Payload()[0] == wire.ICMPv4EchoReply ||
			p.Protocol() == wire.ProtoICMPv6 && p.Payload()[0] == wire.ICMPv6EchoReply
		return reply && p.Src() == from
	}).Src()
}

// next returns the next frame with a packet that is looked for.
func (s sniffer) next(t *testing.T, is func(p *transport.Packet) bool) wire.Ethernet {
	t.Helper()
	b := make([]byte, 2048)
	for {
		n, _, err := unix.Recvfrom(s.fd, b, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		f, bad := wire.ParseEthernet(b[:n])
		if bad != wire.NotMalformed {
			continue
		}
		var p transport.Packet
		if p.Load(f.Payload(), transport.Arrival{}) == wire.NotMalformed && is(&p) {
			return f
		}
	}
}
