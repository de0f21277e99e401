// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/checksum"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(playRole(role))
	}
	os.Exit(netlab.Main(transporttest.Checked(m)))
}

// open opens a transport in a node of a lab; it is closed with the test.
func open(t testing.TB, n *netlab.Node, cfg Config) *Transport {
	t.Helper()
	if n != nil {
		cfg.NetNS = n.NetNS()
	}
	tr, err := Open(&cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return tr
}

func bind(t testing.TB, tr *Transport, protocols ...int) {
	t.Helper()
	for _, p := range protocols {
		if err := tr.Bind(p); err != nil {
			t.Fatalf("Bind(%d): %v", p, err)
		}
	}
}

// collector keeps copies of what it receives.
type collector struct {
	packets []*transport.Packet
	lost    uint64
	links   []transport.Interface
	order   []string // "packet", "lost" or "link", as they came
}

func (c *collector) Deliver(p *transport.Packet) {
	c.packets = append(c.packets, p.Clone())
	c.order = append(c.order, "packet")
}

func (c *collector) Event(e *transport.Event) {
	switch e.Kind {
	case transport.PacketsLost:
		c.lost += e.Lost
		c.order = append(c.order, "lost")
	case transport.LinkChanged:
		c.links = append(c.links, *e.Interface)
		c.order = append(c.order, "link")
	}
}

// until receives until done says so, for 10 seconds at most.
func (c *collector) until(t testing.TB, tr *Transport, done func() bool) {
	t.Helper()
	q := tr.Queues()[0]
	end := time.Now().Add(10 * time.Second)
	for {
		if _, err := q.Recv(c, 64); err != nil {
			t.Fatalf("Recv: %v", err)
		}
		if done() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nothing more came after %d packets, %d lost, %d link events; stats %+v",
				len(c.packets), c.lost, len(c.links), tr.Stats())
		}
		if err := q.Wait(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatalf("Wait: %v", err)
		}
	}
}

// receive returns n packets.
func receive(t testing.TB, tr *Transport, n int) []*transport.Packet {
	t.Helper()
	var c collector
	c.until(t, tr, func() bool { return len(c.packets) >= n })
	if len(c.packets) > n {
		t.Fatalf("received %d packets, want %d", len(c.packets), n)
	}
	return c.packets
}

// send sends packets and waits for room.
func send(t testing.TB, tr *Transport, packets ...[]byte) {
	t.Helper()
	for _, p := range packets {
		if err := trySend(tr, 0, p); err != nil {
			t.Fatalf("sending %x: %v", p[:min(len(p), 48)], err)
		}
	}
}

// trySend sends one packet through an interface, or any with 0.
func trySend(tr *Transport, ifindex int, p []byte) error {
	q := tr.Queues()[0]
	var b transport.Batch
	for {
		if len(b.Slots) == 0 {
			if err := q.Reserve(&b, 1); err != nil {
				return err
			}
			b.Slots[0].Data = append(b.Slots[0].Data, p...)
			b.Slots[0].IfIndex = int32(ifindex)
		}
		_, err := q.Commit(&b, len(b.Slots))
		if !errors.Is(err, transport.ErrNoSlots) {
			if err != nil {
				b.Drop()
				q.Commit(&b, 0)
			}
			return err
		}
		pause()
	}
}

func pause() { time.Sleep(time.Millisecond) }

// header is what test packets have in their headers.
type header struct {
	src, dst netip.Addr
	protocol uint8
	ttl, tos uint8
	df       bool
	flow     uint32
	options  []byte
}

// packet builds a packet of either family.
func packet(h header, payload []byte) []byte {
	if h.ttl == 0 {
		h.ttl = 64
	}
	if h.protocol == 0 {
		h.protocol = 253
	}
	if h.dst.Is4() {
		ihl := 20 + len(h.options)
		b := make([]byte, ihl, ihl+len(payload))
		b[0], b[1] = 4<<4|byte(ihl/4), h.tos
		binary.BigEndian.PutUint16(b[2:], uint16(ihl+len(payload)))
		binary.BigEndian.PutUint16(b[4:], 0x1234)
		if h.df {
			b[6] = 0x40
		}
		b[8], b[9] = h.ttl, h.protocol
		copy(b[12:], h.src.AsSlice())
		copy(b[16:], h.dst.AsSlice())
		copy(b[20:], h.options)
		binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b))
		return append(b, payload...)
	}
	b := make([]byte, 40, 40+len(payload))
	binary.BigEndian.PutUint32(b, 6<<28|uint32(h.tos)<<20|h.flow)
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[6], b[7] = h.protocol, h.ttl
	copy(b[8:], h.src.AsSlice())
	copy(b[24:], h.dst.AsSlice())
	return append(b, payload...)
}

// pattern returns n bytes that do not repeat soon.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// between returns the addresses for a packet between the first interfaces of
// two nodes.
func between(a, b *netlab.Node, v6 bool) header {
	if v6 {
		return header{src: a.Addr6(), dst: b.Addr6()}
	}
	return header{src: a.Addr4(), dst: b.Addr4()}
}

// families runs a test for both.
func families(t *testing.T, f func(t *testing.T, v6 bool)) {
	t.Run("IPv4", func(t *testing.T) { f(t, false) })
	t.Run("IPv6", func(t *testing.T) { f(t, true) })
}

// otherSocket opens a raw socket of its own in a node, to send what a
// transport would not; it is closed with the test.
func otherSocket(t testing.TB, n *netlab.Node, v6 bool, protocol int) int {
	t.Helper()
	family := unix.AF_INET
	if v6 {
		family = unix.AF_INET6
	}
	fd := -1
	err := n.Do(func() (err error) {
		fd, err = unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func sockaddrOf(a netip.Addr) unix.Sockaddr {
	if a.Is6() {
		return &unix.SockaddrInet6{Addr: a.As16()}
	}
	return &unix.SockaddrInet4{Addr: a.As4()}
}
