// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"fmt"
	"net"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"protean/transport/internal/sockio"
	"protean/transport/netlab"
)

// The benchmarks send batches of 64 packets of 100 bytes over the loopback
// interface, where sending includes all of the kernel's receiving, and read
// them back; ns/packet is of the part that the name tells. The other part is
// the same in all of them: transports of this package.

const benchBatch, benchSize = 64, 80

func benchNode(b *testing.B) *netlab.Node {
	return netlab.Test(b, netlab.Pair()).Node("a")
}

func report(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchBatch, "ns/packet")
}

func BenchmarkSend(b *testing.B) {
	n := benchNode(b)
	for _, v6 := range []bool{false, true} {
		for _, mode := range []Header{Included, Kernel} {
			b.Run(fmt.Sprintf("v6=%v/header=%d", v6, mode), func(b *testing.B) {
				l := newLoop(b, n, Config{Header: mode}, v6, benchBatch, benchSize)
				b.ReportAllocs()
				for b.Loop() {
					l.send()
					b.StopTimer()
					l.receive()
					b.StartTimer()
				}
				report(b)
			})
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	n := benchNode(b)
	for _, v6 := range []bool{false, true} {
		b.Run(fmt.Sprintf("v6=%v", v6), func(b *testing.B) {
			l := newLoop(b, n, Config{}, v6, benchBatch, benchSize)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				l.send()
				b.StartTimer()
				l.receive()
			}
			report(b)
		})
	}
}

// ipConn opens what package net has for protocol 253 in a node.
func ipConn(b *testing.B, n *netlab.Node) *net.IPConn {
	var c *net.IPConn
	err := n.Do(func() (err error) {
		c, err = net.ListenIP("ip4:253", nil)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	c.SetReadBuffer(1 << 22)
	b.Cleanup(func() { c.Close() })
	return c
}

func BenchmarkReceiveIPConn(b *testing.B) {
	n := benchNode(b)
	c := ipConn(b, n)
	l := newLoop(b, n, Config{}, false, benchBatch, benchSize)
	buf := make([]byte, 65536)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		l.send()
		b.StartTimer()
		for range benchBatch {
			if _, _, err := c.ReadFrom(buf); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		l.receive()
		b.StartTimer()
	}
	report(b)
}

// xnetMessages returns messages with the buffers and the room for control
// messages that a transport has.
func xnetMessages() []ipv4.Message {
	ms := make([]ipv4.Message, benchBatch)
	mem := make([]byte, benchBatch*stride)
	for i := range ms {
		ms[i].Buffers = [][]byte{mem[i*stride : (i+1)*stride]}
		ms[i].OOB = make([]byte, sockio.RecvControl)
	}
	return ms
}

func BenchmarkReceiveXNetBatch(b *testing.B) {
	n := benchNode(b)
	c := ipConn(b, n)
	raw, err := c.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = setOptions(int(fd), arrivalOptions(false)) }) // to have the same work done
	if err != nil {
		b.Fatal(err)
	}
	p := ipv4.NewPacketConn(c)
	l := newLoop(b, n, Config{}, false, benchBatch, benchSize)
	ms := xnetMessages()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		l.send()
		b.StartTimer()
		for got := 0; got < benchBatch; {
			k, err := p.ReadBatch(ms, 0)
			if err != nil {
				b.Fatal(err)
			}
			got += k
		}
		b.StopTimer()
		l.receive()
		b.StartTimer()
	}
	report(b)
}

func BenchmarkSendXNetBatch(b *testing.B) {
	n := benchNode(b)
	c := ipConn(b, n)
	raw, err := c.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_HDRINCL, 1)
		if err == nil {
			err = dropAll(int(fd))
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	p := ipv4.NewPacketConn(c)
	l := newLoop(b, n, Config{}, false, benchBatch, benchSize)
	ms := make([]ipv4.Message, benchBatch)
	for i := range ms {
		ms[i].Buffers = [][]byte{l.frame}
		ms[i].Addr = &net.IPAddr{IP: n.Addr4().AsSlice()}
	}
	b.ReportAllocs()
	for b.Loop() {
		for sent := 0; sent < benchBatch; {
			k, err := p.WriteBatch(ms[sent:], 0)
			if err != nil {
				b.Fatal(err)
			}
			sent += k
		}
		b.StopTimer()
		l.receive()
		b.StartTimer()
	}
	report(b)
}

func BenchmarkSendIPConn(b *testing.B) {
	n := benchNode(b)
	c := ipConn(b, n)
	raw, err := c.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	raw.Control(func(fd uintptr) { err = dropAll(int(fd)) })
	if err != nil {
		b.Fatal(err)
	}
	l := newLoop(b, n, Config{}, false, benchBatch, benchSize)
	to := &net.IPAddr{IP: n.Addr4().AsSlice()}
	payload := pattern(benchSize)
	b.ReportAllocs()
	for b.Loop() {
		for range benchBatch {
			if _, err := c.WriteTo(payload, to); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		l.receive()
		b.StartTimer()
	}
	report(b)
}
