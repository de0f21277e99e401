// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"protean/proto/checksum"
	"protean/transport"
)

// mem is one end of a link in memory: the smallest transport that keeps the
// contract, and, given a fault, one that breaks it at one point.
type mem struct {
	fault string // see mutants
	index int32
	addrs [2]netip.Addr
	peer  *mem
	mtu   int

	gate     sync.Mutex   // held by Recv; before mu
	waits    sync.Mutex   // for faults: held by Wait
	receiver atomic.Int64 // the goroutine in Recv

	mu      sync.Mutex // guards what follows; never held with that of the peer
	caps    transport.Caps
	bound   map[int]int
	waiting []arrival
	events  []transport.Event
	free    [][]byte // memory of slots
	pending []int    // for faults: bound with the next Wait
	late    bool     // for faults: a Wait has timed out
	short   bool     // ErrNoSlots was returned, and Wait has not reported room since
	woken   bool     // for faults: a Wake not yet seen
	closed  bool
	stats   transport.Stats
	ifaces  []transport.Interface

	wake chan struct{} // holds one token
	done chan struct{} // closed by Close
}

type arrival struct {
	data []byte
	time int64
}

const (
	memSlots = 48
	memMTU   = 1500
)

// newPair connects two transports, the first with a fault if one is named.
func newPair(fault string, change func(*transport.Caps)) (a, b *mem) {
	a, b = newMem("", 1), newMem("", 2)
	a.fault = fault
	if change != nil {
		change(&a.caps)
		a.makeSlots()
	}
	a.peer, b.peer = b, a
	return a, b
}

func newMem(fault string, index int32) *mem {
	m := &mem{
		fault: fault, index: index, mtu: memMTU,
		addrs: [2]netip.Addr{
			netip.AddrFrom4([4]byte{192, 0, 2, byte(index)}),
			netip.AddrFrom16([16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 15: byte(index)}),
		},
		caps: transport.Caps{
			Name: "mem", Batch: 16, MaxPacket: memMTU, V4: true, V6: true, Foreign: true, Reassembles: true,
			TxTime: transport.TimeUser, Known4: transport.FieldsAll4, Known6: transport.FieldsAll6,
		},
		bound: map[int]int{},
		wake:  make(chan struct{}, 1),
		done:  make(chan struct{}),
	}
	m.makeSlots()
	m.ifaces = []transport.Interface{{
		Index: int(index), Name: "mem0", MTU: memMTU, Up: true,
		HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, byte(index)},
		Prefixes:     []netip.Prefix{netip.PrefixFrom(m.addrs[0], 24), netip.PrefixFrom(m.addrs[1], 64)},
	}}
	return m
}

func (m *mem) makeSlots() {
	m.free = nil
	for range memSlots {
		m.free = append(m.free, make([]byte, 0, m.caps.MaxPacket+100))
	}
}

func (m *mem) endpoint(t transport.Transport) Endpoint {
	return Endpoint{Transport: t, Addr4: m.addrs[0], Addr6: m.addrs[1], IfIndex: int(m.index)}
}

func (m *mem) Queues() []transport.Queue {
	if m.fault == "Queues are made anew" {
		return []transport.Queue{&struct{ *mem }{m}}
	}
	return []transport.Queue{m}
}

func (m *mem) Caps() transport.Caps {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.caps
}

func (m *mem) Stats() transport.Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

func (m *mem) Interfaces() []transport.Interface {
	if m.fault == "Interfaces lends its own slice" {
		return m.ifaces
	}
	i := m.ifaces[0]
	i.HardwareAddr = bytes.Clone(i.HardwareAddr)
	i.Prefixes = append([]netip.Prefix(nil), i.Prefixes...)
	return []transport.Interface{i}
}

func (m *mem) Bind(protocol int) error {
	if m.fault == "Bind waits for Recv" {
		m.gate.Lock()
		defer m.gate.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed && m.fault != "Bind works after Close" {
		return net.ErrClosed
	}
	if m.fault == "Caps change" {
		m.caps.Batch++
	}
	if protocol == transport.AnyProtocol {
		if !m.caps.Foreign {
			if m.fault == "AnyProtocol is refused as a protocol" {
				return &transport.ProtocolError{Protocol: protocol, Reason: "is none"}
			}
			return &transport.UnsupportedError{Transport: m.caps.Name, Feature: "AnyProtocol"}
		}
	} else if err := transport.CheckProtocol(protocol, m.caps.V6); err != nil && !(m.fault == "Bind accepts protocol 0" && protocol == 0) {
		return err
	}
	switch m.fault {
	case "Bind takes effect with the next Wait":
		m.pending = append(m.pending, protocol)
		return nil
	case "binds one protocol at a time":
		clear(m.bound)
	case "does not bind again":
		if _, before := m.bound[protocol]; before {
			return nil
		}
	}
	m.bound[protocol]++
	if m.fault != "Bind counts" {
		m.bound[protocol] = 1
	}
	return nil
}

func (m *mem) Unbind(protocol int) error {
	if m.fault == "Unbind waits for Wait" {
		m.waits.Lock()
		defer m.waits.Unlock()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return net.ErrClosed
	}
	inside := m.receiver.Load() == goid()
	if inside && m.fault == "Unbind in Deliver is ignored" {
		return nil
	}
	if m.bound[protocol]--; m.bound[protocol] <= 0 && m.fault != "does not bind again" {
		delete(m.bound, protocol)
	}
	if m.fault == "Unbind does not stop a Recv" || inside {
		return nil
	}
	m.mu.Unlock()
	defer m.mu.Lock()
	m.awaitRecv()
	return nil
}

// goid returns the number of the goroutine.
func goid() int64 {
	b := make([]byte, 64)
	b = bytes.TrimPrefix(b[:runtime.Stack(b, false)], []byte("goroutine "))
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

func (m *mem) Close() error {
	m.mu.Lock()
	again := m.closed
	m.closed = true
	m.mu.Unlock()
	if again {
		if m.fault == "Close fails the second time" {
			return net.ErrClosed
		}
		<-m.done // closed by the first
		return nil
	}
	if m.fault == "Close leaves a goroutine" {
		go func() { select {} }()
	}
	if m.fault != "Close does not end Wait" {
		close(m.done)
	}
	if m.fault != "Close does not wait for Recv" {
		m.awaitRecv()
	}
	return nil
}

// awaitRecv waits for the Recv in progress, which may be about to deliver.
func (m *mem) awaitRecv() {
	m.gate.Lock()
	defer m.gate.Unlock()
}

func (m *mem) isBound(data []byte) bool {
	var p transport.Packet
	if p.Load(data, transport.Arrival{}) != 0 {
		return true // to be counted as malformed
	}
	switch m.fault {
	case "delivers before Bind":
		return true
	case "delivers every protocol":
		return len(m.bound) > 0
	case "AnyProtocol brings nothing":
		return m.bound[int(p.Protocol())] > 0
	}
	return m.bound[int(p.Protocol())] > 0 || m.bound[transport.AnyProtocol] > 0
}

// push is called by the peer.
func (m *mem) push(data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed && m.fault != "delivers after Close" || !m.isBound(data) {
		return
	}
	if m.fault == "cuts large packets" {
		data = data[:min(len(data), 1400)]
	}
	now := time.Now().UnixNano()
	if m.fault == "time is in microseconds" {
		now /= 1000
	}
	if m.fault == "changes the TTL" && data[0]>>4 == 4 {
		data[8]--
		data[10], data[11] = 0, 0
		binary.BigEndian.PutUint16(data[10:], checksum.Checksum(data[:int(data[0]&15)*4]))
	}
	m.waiting = append(m.waiting, arrival{data, now})
	if m.fault != "a packet does not end Wait" {
		m.signal()
	}
}

// signal leaves a token for Wait.
func (m *mem) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

var (
	_ transport.Transport = (*mem)(nil)
	_ transport.Queue     = (*mem)(nil)
)

// memConfig makes pairs of mem, the first with a fault if one is named.
func memConfig(fault string, wrap func(transport.Transport) transport.Transport, change func(*transport.Caps)) Config {
	if wrap == nil {
		wrap = func(t transport.Transport) transport.Transport { return t }
	}
	return Config{Make: func(testing.TB) Pair {
		a, b := newPair(fault, change)
		return Pair{a.endpoint(wrap(a)), b.endpoint(b)}
	}}
}
