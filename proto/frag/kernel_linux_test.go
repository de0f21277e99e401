// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/rawip"
)

// patience is how long the kernel is waited for before a test gives up.
const patience = 10 * time.Second

// A kernel is the Linux kernel as a receiver of fragments: a wire between two
// hosts, a packet socket in a that puts frames on it, and a raw socket in b
// that gets what the kernel makes of them.
type kernel struct {
	t      testing.TB
	family int
	a, b   *netlab.Node
	fd     int
	rx     *rawip.Transport
	frame  []byte
	header int // length of the Ethernet header in frame
	marker []byte
	seq    uint32
	inbox

	// staleSizes: the kernel's size of the largest fragment is not compared.
	staleSizes bool
}

// newKernel makes a kernel for one family. Like all that sends to it, it must
// be called by the test's own goroutine.
func newKernel(t testing.TB, family, mtu int) *kernel {
	t.Helper()
	lab := netlab.Test(t, netlab.Pair().WithMTU(mtu))
	k := &kernel{t: t, family: family, a: lab.Node("a"), b: lab.Node("b")}
	if family == 6 && !k.b.Addr6().IsValid() {
		t.Skip("this kernel has no IPv6")
	}
	pin(t)
	k.allow()
	from, to := k.a.Interfaces()[0], k.b.Interfaces()[0]
	k.frame = append(append(k.frame, to.HardwareAddr...), from.HardwareAddr...)
	k.frame = binary.BigEndian.AppendUint16(k.frame, k.etherType())
	k.header = len(k.frame)
	// Protocol 0: this socket receives nothing.
	k.fd = packetSocket(t, k.a, unix.SOCK_RAW, 0, from.Index)
	rx, err := rawip.Open(&rawip.Config{V4: family == 4, V6: family == 6, NetNS: k.b.NetNS(), RcvBuf: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rx.Close() })
	if err := rx.Bind(253); err != nil {
		t.Fatal(err)
	}
	k.rx = rx
	k.marker = k.packet(16, nil, nil)
	copy(k.marker[len(k.marker)-16:], markerText)
	k.sync()
	if k.tracksConnections() {
		t.Skip("connection tracking is active in new network namespaces: it reassembles before the stack does")
	}
	return k
}

// allow lifts limits that say nothing about how fragments are put together.
func (k *kernel) allow() {
	k.t.Helper()
	settings := [][2]string{
		{"net.ipv4.ipfrag_max_dist", "0"}, // else many fragments of one source drop each other
		{"net.ipv4.ipfrag_high_thresh", "67108864"},
	}
	if k.family == 6 {
		settings = [][2]string{{"net.ipv6.ip6frag_high_thresh", "67108864"}}
	}
	for _, s := range settings {
		if err := k.b.Sysctl(s[0], s[1]); err != nil {
			k.t.Fatalf("%s: %v", s[0], err)
		}
	}
}

// tracksConnections reports whether connection tracking in b has noticed the
// packet that it received.
func (k *kernel) tracksConnections() bool {
	k.t.Helper()
	n, err := k.b.ReadSysctl("net.netfilter.nf_conntrack_count")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.t.Fatal(err)
	}
	return err == nil && n != "0"
}

func (k *kernel) etherType() uint16 {
	if k.family == 4 {
		return unix.ETH_P_IP
	}
	return unix.ETH_P_IPV6
}

// packet returns a packet from a to b with n bytes of payload, and with
// options or extension headers.
func (k *kernel) packet(n int, options []byte, ext []wire.Ext) []byte {
	if k.family == 4 {
		return packet4(k.t, n, func(f *wire.IPv4Fields) {
			f.Src, f.Dst, f.Options = k.a.Addr4(), k.b.Addr4(), options
		})
	}
	return packet6(k.t, n, func(f *wire.IPv6Fields) {
		f.Src, f.Dst, f.Ext = k.a.Addr6(), k.b.Addr6(), ext
	})
}

// send puts one IP packet on the wire.
func (k *kernel) send(packet []byte) {
	k.t.Helper()
	k.frame = append(k.frame[:k.header], packet...)
	for {
		n, err := unix.Write(k.fd, k.frame)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != len(k.frame) {
			k.t.Fatalf("a frame of %d bytes: %d, %v", len(k.frame), n, err)
		}
		return
	}
}

// sync returns what the kernel has delivered of all that was sent: it sends an
// unfragmented packet and receives until that has come.
func (k *kernel) sync() []*transport.Packet {
	k.t.Helper()
	k.receive() // so that the marker does not meet a full buffer
	k.seq++
	binary.BigEndian.PutUint32(k.marker[len(k.marker)-4:], k.seq)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		k.send(k.marker)
		for again := time.Now().Add(patience / 20); ; {
			k.receive()
			if k.inbox.seen == k.seq {
				packets := k.inbox.packets
				k.inbox.packets = nil
				return packets
			}
			if time.Now().After(again) {
				break
			}
			if err := k.rx.Queues()[0].Wait(again); err != nil {
				k.t.Fatal(err)
			}
		}
	}
	k.t.Fatalf("the marker did not come; %+v", k.rx.Stats())
	return nil
}

func (k *kernel) receive() {
	k.t.Helper()
	for n := 1; n > 0; {
		var err error
		if n, err = k.rx.Queues()[0].Recv(&k.inbox, 64); err != nil {
			k.t.Fatal(err)
		}
	}
}

// checkEmpty checks that the kernel holds no fragments.
func (k *kernel) checkEmpty() {
	k.t.Helper()
	path, want := "/proc/thread-self/net/sockstat", "\nFRAG: inuse 0 memory 0\n"
	if k.family == 6 {
		path, want = path+"6", "\nFRAG6: inuse 0 memory 0\n"
	}
	var stat []byte
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		err := k.b.Do(func() (err error) { stat, err = os.ReadFile(path); return err })
		if err != nil {
			k.t.Fatal(err)
		}
		if strings.Contains(string(stat), want) {
			return
		}
	}
	k.t.Errorf("the kernel still holds fragments: %s", stat)
}

const markerText = "not of a script!"

// An inbox keeps copies of packets, and of the markers the number only.
type inbox struct {
	packets []*transport.Packet
	seen    uint32
}

func (i *inbox) Deliver(p *transport.Packet) {
	b := p.Payload()
	if len(b) == len(markerText) && bytes.HasPrefix(b, []byte(markerText[:12])) {
		i.seen = binary.BigEndian.Uint32(b[12:])
		return
	}
	c := p.Clone()
	c.Data = received(c.Data)
	i.packets = append(i.packets, c)
}

func (i *inbox) Event(*transport.Event) {}

// received returns the packet as a raw socket yields it: for IPv6 without its
// extension headers, which the transport puts back as far as the kernel tells of
// them.
func received(packet []byte) []byte {
	if packet[0]>>4 == 4 {
		return packet
	}
	it := wire.NewExtIterator(packet[6], packet[wire.IPv6HeaderLen:])
	for it.Next() {
	}
	b := append(packet[:wire.IPv6HeaderLen:wire.IPv6HeaderLen], packet[wire.IPv6HeaderLen+it.Offset():]...)
	b[6] = it.Protocol()
	wire.IPv6(b).SetPayloadLen(len(b) - wire.IPv6HeaderLen)
	return b
}

// packetSocket opens a packet socket in a node; it is closed with the test.
func packetSocket(t testing.TB, n *netlab.Node, kind int, etherType uint16, ifindex int) int {
	t.Helper()
	fd := -1
	err := n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	big := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, etherType))
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: big, Ifindex: ifindex}); err != nil {
		t.Fatal(err)
	}
	return fd
}

// pin keeps the test's goroutine on one processor, and with it the frames it
// sends: on several they could overtake each other.
func pin(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !all.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.SchedSetaffinity(0, &all); err == nil {
			runtime.UnlockOSThread()
		}
	})
}
