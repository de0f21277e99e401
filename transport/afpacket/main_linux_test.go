// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/checksum"
	"protean/proto/wire"
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

// rings runs a test for each way in which packets come.
func rings(t *testing.T, f func(t *testing.T, r Ring)) {
	for r, name := range []string{V3: "V3", V2: "V2", None: "no ring"} {
		t.Run(name, func(t *testing.T) { f(t, Ring(r)) })
	}
}

// families runs a test for both.
func families(t *testing.T, f func(t *testing.T, v6 bool)) {
	t.Run("IPv4", func(t *testing.T) { f(t, false) })
	t.Run("IPv6", func(t *testing.T) { f(t, true) })
}

// open opens a transport on eth0 of a node; it is closed with the test.
func open(t testing.TB, n *netlab.Node, cfg Config, protocols ...int) *Transport {
	t.Helper()
	if cfg.NetNS = n.NetNS(); cfg.Interface == "" {
		cfg.Interface = "eth0"
	}
	if cfg.BlockSize == 0 {
		cfg = small(cfg)
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
	for _, p := range protocols {
		if err := tr.Bind(p); err != nil {
			t.Fatalf("Bind(%d): %v", p, err)
		}
	}
	return tr
}

// collector keeps copies of what it receives.
type collector struct {
	packets []*transport.Packet
	tags    []wire.VLANTag // of packets, the zero tag for none
	links   []transport.Interface
	errs    []transport.NetworkError
	lost    uint64
	from    *Transport
}

func (c *collector) Deliver(p *transport.Packet) {
	c.packets = append(c.packets, p.Clone())
	tag, _ := c.from.VLAN(0)
	c.tags = append(c.tags, tag)
}

func (c *collector) Event(e *transport.Event) {
	switch e.Kind {
	case transport.LinkChanged:
		c.links = append(c.links, *e.Interface)
	case transport.ErrorReceived:
		c.errs = append(c.errs, *e.Err)
	case transport.PacketsLost:
		c.lost += e.Lost
	}
}

// until receives from all queues until done says so, for 10 seconds at most.
func (c *collector) until(t testing.TB, tr *Transport, done func() bool) {
	t.Helper()
	c.from = tr
	for end := time.Now().Add(10 * time.Second); !done(); {
		for _, q := range tr.Queues() {
			if _, err := q.Recv(c, 64); err != nil {
				t.Fatalf("Recv: %v", err)
			}
			if err := q.Wait(time.Now().Add(2 * time.Millisecond)); err != nil {
				t.Fatalf("Wait: %v", err)
			}
		}
		if time.Now().After(end) {
			t.Fatalf("nothing more came after %d packets, %d lost, %d link events, %d errors; stats %+v",
				len(c.packets), c.lost, len(c.links), len(c.errs), tr.Stats())
		}
	}
}

// receive returns n packets.
func receive(t testing.TB, tr *Transport, n int) []*transport.Packet {
	t.Helper()
	var c collector
	c.until(t, tr, func() bool { return len(c.packets) >= n })
	return c.packets
}

// settle returns what comes within a short time.
func settle(t testing.TB, tr *Transport) *collector {
	t.Helper()
	var c collector
	end := time.Now().Add(40 * time.Millisecond)
	c.until(t, tr, func() bool { return time.Now().After(end) })
	return &c
}

// send sends packets, waiting for room.
func send(tr *Transport, packets ...[]byte) error {
	q := tr.Queues()[0]
	for _, p := range packets {
		var b transport.Batch
		for {
			err := q.Reserve(&b, 1)
			if err == nil {
				b.Slots[0].Data = append(b.Slots[0].Data, p...)
				b.Slots[0].Cookie = 77
				for {
					if _, err = q.Commit(&b, 1); !errors.Is(err, transport.ErrNoSlots) {
						break
					}
					time.Sleep(100 * time.Microsecond)
				}
			}
			if err == nil {
				break
			}
			if !errors.Is(err, transport.ErrNoSlots) {
				q.Commit(&b, 0)
				return err
			}
			time.Sleep(100 * time.Microsecond)
		}
	}
	return nil
}

func mustSend(t testing.TB, tr *Transport, packets ...[]byte) {
	t.Helper()
	if err := send(tr, packets...); err != nil {
		t.Fatalf("sending: %v", err)
	}
}

// packet builds a packet of protocol 253 between two addresses.
func packet(src, dst netip.Addr, payload []byte) []byte { return packetOf(253, src, dst, payload) }

func packetOf(protocol uint8, src, dst netip.Addr, payload []byte) []byte {
	if dst.Is4() {
		b := make([]byte, 20, 20+len(payload))
		b[0], b[8], b[9] = 0x45, 64, protocol
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
		copy(b[12:], src.AsSlice())
		copy(b[16:], dst.AsSlice())
		binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b))
		return append(b, payload...)
	}
	b := make([]byte, 40, 40+len(payload))
	b[0], b[6], b[7] = 0x60, protocol, 64
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return append(b, payload...)
}

// between builds a packet from one node to another.
func between(a, b *netlab.Node, v6 bool, payload []byte) []byte {
	if v6 {
		return packet(a.Addr6(), b.Addr6(), payload)
	}
	return packet(a.Addr4(), b.Addr4(), payload)
}

// A wireTap writes frames to eth0 of a node, and tells what it can be told.
type wireTap struct {
	t    testing.TB
	fd   int
	peer wire.MAC
	own  wire.MAC
}

// tap returns a wireTap of a node at the other end of whose wire is peer.
func tap(t testing.TB, n, peer *netlab.Node) *wireTap {
	t.Helper()
	w := &wireTap{t: t, own: wire.MAC(n.Interfaces()[0].HardwareAddr), peer: wire.MAC(peer.Interfaces()[0].HardwareAddr)}
	err := n.Do(func() (err error) {
		w.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(w.fd) })
	if err := bindTo(w.fd, 0, n.Interfaces()[0].Index); err != nil {
		t.Fatal(err)
	}
	return w
}

// write sends a frame to the peer, or to another address: what follows the
// addresses is given.
func (w *wireTap) write(dst wire.MAC, rest ...[]byte) {
	w.t.Helper()
	frame := append(append([]byte(nil), dst[:]...), w.own[:]...)
	for _, r := range rest {
		frame = append(frame, r...)
	}
	if _, err := unix.Write(w.fd, frame); err != nil {
		w.t.Fatal(err)
	}
}

var (
	typeIPv4 = []byte{0x08, 0x00}
	typeIPv6 = []byte{0x86, 0xdd}
)
