// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package fields

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/sim"
)

// A place is two hosts, a and b, with two wires between them. The transport
// under test is on a; b stands for the wire.
type place struct {
	lab  *netlab.Node // a, or nil
	node *sim.Node    // a, or nil

	addr  [2][2][2]netip.Addr // of a and b, on each wire, IPv4 and IPv6
	index [2]int              // of a's interfaces

	read  func() []frame              // what has come to b, of either wire
	write func(on int, packet []byte) // from b to a
	pass  func()                      // lets a little time pass
	now   func() time.Time            // on the clock of a's packets
}

// A frame is an IP packet that came to b.
type frame struct {
	on     int // which wire
	packet []byte
}

// next returns the next packet at b that is wanted, and by which wire it came.
// It returns nil if there is none for a while.
func (p *place) next(want func(packet []byte) bool) *frame {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); p.pass() {
		for _, f := range p.read() {
			if want(f.packet) {
				return &f
			}
		}
	}
	return nil
}

// atLab is a place of the kernel's.
func atLab(t *testing.T) *place {
	lab := netlab.Test(t, netlab.Topology{
		Nodes: []netlab.NodeSpec{{Name: "a"}, {Name: "b"}},
		Links: []netlab.LinkSpec{{A: "a", B: "b"}, {A: "a", B: "b"}},
	})
	a, b := lab.Node("a"), lab.Node("b")
	p := &place{lab: a, now: time.Now, pass: func() { time.Sleep(time.Millisecond) }}
	if err := a.Sysctl("net.ipv4.ping_group_range", "0 0"); err != nil {
		t.Fatal(err)
	}
	var fds [2]int
	var heads [2][]byte // hardware addresses
	for on := range fds {
		fa, fb := a.Interfaces()[on], b.Interfaces()[on]
		p.index[on] = fa.Index
		p.addr[0][on] = [2]netip.Addr{fa.Addr4.Addr(), fa.Addr6.Addr()}
		p.addr[1][on] = [2]netip.Addr{fb.Addr4.Addr(), fb.Addr6.Addr()}
		heads[on] = append(bytes.Clone(fa.HardwareAddr), fb.HardwareAddr...)
		err := b.Do(func() (err error) {
			fds[on], err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fds[on]) })
		all := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_ALL))
		if err := unix.Bind(fds[on], &unix.SockaddrLinklayer{Protocol: all, Ifindex: fb.Index}); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 1<<16)
	p.read = func() (all []frame) {
		for on, fd := range fds {
			for {
				n, from, err := unix.Recvfrom(fd, buf, 0)
				if err != nil {
					break
				}
				typ := binary.BigEndian.Uint16(buf[12:])
				if ll, ok := from.(*unix.SockaddrLinklayer); !ok || ll.Pkttype == unix.PACKET_OUTGOING || typ != unix.ETH_P_IP && typ != unix.ETH_P_IPV6 {
					continue
				}
				all = append(all, frame{on, bytes.Clone(buf[14:n])})
			}
		}
		return all
	}
	p.write = func(on int, packet []byte) {
		typ := []byte{0x08, 0x00}
		if packet[0]>>4 == 6 {
			typ = []byte{0x86, 0xdd}
		}
		f := append(append(bytes.Clone(heads[on]), typ...), packet...)
		if _, err := unix.Write(fds[on], f); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// inMemory returns places of a network in memory.
func inMemory(live bool) func(t *testing.T) *place {
	return func(t *testing.T) *place {
		n := sim.New(&sim.Config{Live: live})
		t.Cleanup(func() { n.Close() })
		p := &place{now: n.Now, pass: func() { time.Sleep(time.Millisecond) }}
		if !live {
			p.pass = func() { must(t, n.Run(time.Millisecond)) }
		}
		var nodes [2]*sim.Node
		var ports [2][2]*sim.Port // by node and wire
		for i, name := range []string{"a", "b"} {
			nodes[i] = got(n.Node(name))(t)
			for on := range 2 {
				var prefixes []netip.Prefix
				for v6, format := range []string{"10.77.%d.%d/24", "fd77:%d::%d/64"} {
					prefix := netip.MustParsePrefix(fmt.Sprintf(format, on+1, i+1))
					p.addr[i][on][v6] = prefix.Addr()
					prefixes = append(prefixes, prefix)
				}
				ports[i][on] = got(nodes[i].AddInterface([]string{"eth0", "eth1"}[on], prefixes...))(t)
			}
		}
		for on := range 2 {
			got(n.Connect(ports[0][on], ports[1][on], nil))(t)
		}
		p.node = nodes[0]
		a, b := got(nodes[0].Open(nil))(t), got(nodes[1].Open(nil))(t)
		indexes := func(tr transport.Transport) (index [2]int) {
			for _, f := range tr.Interfaces() {
				switch f.Name {
				case "eth0":
					index[0] = f.Index
				case "eth1":
					index[1] = f.Index
				}
			}
			return index
		}
		p.index = indexes(a)
		var mu sync.Mutex
		var come []frame
		n.Tap(func(tr sim.Trace) {
			for on := range 2 {
				if tr.Fate == sim.Delivered && tr.To == ports[1][on] {
					mu.Lock()
					come = append(come, frame{on, bytes.Clone(tr.Data)})
					mu.Unlock()
				}
			}
		})
		p.read = func() (all []frame) {
			mu.Lock()
			defer mu.Unlock()
			all, come = come, nil
			return all
		}
		ofB := indexes(b)
		p.write = func(on int, packet []byte) { must(t, commit(b, transport.Slot{IfIndex: int32(ofB[on])}, packet)) }
		return p
	}
}

// commit sends a packet in a slot with the settings of s.
func commit(tr transport.Transport, s transport.Slot, packet []byte) error {
	q := tr.Queues()[0]
	var b transport.Batch
	for {
		err := q.Reserve(&b, 1)
		if err == nil {
			x := &b.Slots[0]
			x.Data = append(x.Data, packet...)
			x.IfIndex, x.Frag, x.Stamp, x.Cookie = s.IfIndex, s.Frag, s.Stamp, s.Cookie
			if _, err = q.Commit(&b, 1); err != nil {
				q.Commit(&b, 0)
			}
		}
		if !errors.Is(err, transport.ErrNoSlots) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T { t.Helper(); must(t, err); return v }
}
