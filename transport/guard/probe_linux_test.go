// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

// sentinel is a protocol that no test guards and the kernel does not know.
const sentinel = 254

// A prober sends packets of any protocol from one host of a lab to another and
// counts the "protocol unreachable" that come back.
type prober struct {
	t        *testing.T
	src, dst netip.Addr
	v4       bool
	tx       int
	rx       *icmp.PacketConn
}

// newProber returns one that sends from a to b, or as ends say.
func newProber(t *testing.T, lab *netlab.Lab, family Families, ends ...string) *prober {
	t.Helper()
	if len(ends) == 0 {
		ends = []string{"a", "b"}
	}
	a, b := lab.Node(ends[0]), lab.Node(ends[1])
	p := &prober{t: t, src: a.Addr6(), dst: b.Addr6()}
	domain, network := unix.AF_INET6, "ip6:ipv6-icmp"
	if family == V4 {
		p.v4, p.src, p.dst = true, a.Addr4(), b.Addr4()
		domain, network = unix.AF_INET, "ip4:icmp"
	}
	err := a.Do(func() (err error) {
		if p.rx, err = icmp.ListenPacket(network, p.src.String()); err != nil {
			return err
		}
		// Packets go out with the header they are given, whatever its protocol.
		p.tx, err = unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		return os.NewSyscallError("socket", err)
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.rx.Close(); unix.Close(p.tx) })
	return p
}

// answers sends count packets of each protocol and returns how many of each
// were answered.
//
// That no further answer is on its way is proved by one more packet, of a
// protocol that is not guarded, whose answer must come: all packets are sent by
// one thread on one processor, over one queue, so the kernel handles them, and
// answers, in order.
func (p *prober) answers(count int, protocols ...int) map[int]int {
	p.t.Helper()
	sent := make(chan error, 1)
	go func() {
		// Not unlocked: the thread, tied to a processor, ends with the goroutine.
		runtime.LockOSThread()
		sent <- p.send(count, protocols)
	}()
	if err := <-sent; err != nil {
		p.t.Fatal(err)
	}
	answered := map[int]int{}
	buf := make([]byte, 2048)
	for {
		p.rx.SetReadDeadline(time.Now().Add(20 * time.Second))
		n, from, err := p.rx.ReadFrom(buf)
		if err != nil {
			p.t.Fatalf("the sentinel's answer did not come: %v", err)
		}
		protocol, ok := p.unreachable(buf[:n])
		if !ok {
			continue // neighbour discovery, say
		}
		if a, _ := netip.AddrFromSlice(from.(*net.IPAddr).IP); a.Unmap() != p.dst {
			p.t.Errorf("answer from %v, want %v", a, p.dst)
		}
		if protocol == sentinel {
			return answered
		}
		answered[protocol]++
	}
}

func (p *prober) send(count int, protocols []int) error {
	var cpus, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpus); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if cpus.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return os.NewSyscallError("sched_setaffinity", err)
	}
	for range count {
		for _, protocol := range protocols {
			if err := p.sendOne(protocol); err != nil {
				return err
			}
		}
	}
	return p.sendOne(sentinel)
}

func (p *prober) sendOne(protocol int) error {
	const payload = 16
	var to unix.Sockaddr
	var b []byte
	if p.v4 {
		b = make([]byte, 20+payload) // the kernel fills length and checksum
		b[0], b[8], b[9] = 0x45, 64, byte(protocol)
		copy(b[12:], p.src.AsSlice())
		copy(b[16:], p.dst.AsSlice())
		to = &unix.SockaddrInet4{Addr: p.dst.As4()}
	} else {
		b = make([]byte, 40+payload)
		b[0], b[6], b[7] = 0x60, byte(protocol), 64
		binary.BigEndian.PutUint16(b[4:], payload)
		copy(b[8:], p.src.AsSlice())
		copy(b[24:], p.dst.AsSlice())
		to = &unix.SockaddrInet6{Addr: p.dst.As16()}
	}
	return os.NewSyscallError("sendto", unix.Sendto(p.tx, b, 0, to))
}

// unreachable returns the protocol of the packet that an ICMP message calls
// unreachable: ICMP type 3 code 2, or ICMPv6 type 4 code 1.
func (p *prober) unreachable(b []byte) (protocol int, ok bool) {
	number := ipv6.ICMPTypeParameterProblem.Protocol()
	if p.v4 {
		number = ipv4.ICMPTypeDestinationUnreachable.Protocol()
	}
	m, err := icmp.ParseMessage(number, b)
	if err != nil {
		p.t.Errorf("ICMP: %v", err)
		return 0, false
	}
	switch body := m.Body.(type) {
	case *icmp.DstUnreach:
		if p.v4 && m.Code == 2 && len(body.Data) >= 20 {
			return int(body.Data[9]), true
		}
	case *icmp.ParamProb:
		if !p.v4 && m.Code == 1 && len(body.Data) >= 40 {
			return int(body.Data[6]), true
		}
	}
	return 0, false
}
