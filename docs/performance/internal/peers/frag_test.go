// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package peers

import (
	"encoding/binary"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/ip4defrag"
	"github.com/gopacket/gopacket/layers"
	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// fragments cuts one datagram. They are of UDP, since gVisor drops protocols that
// it does not know before anybody can ask for them.
func fragments(pieces, size int) (out [][]byte) {
	for i := range pieces {
		p := make([]byte, 20+size)
		p[0], p[8], p[9] = 0x45, 64, 17
		binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
		field := uint16(i * size / 8)
		if i < pieces-1 {
			field |= 0x2000
		}
		binary.BigEndian.PutUint16(p[6:], field)
		copy(p[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
		out = append(out, p)
	}
	// The UDP header of the whole; without a checksum.
	binary.BigEndian.PutUint16(out[0][20+4:], uint16(pieces*size))
	return out
}

// number gives a fragment the identification of a datagram.
func number(p []byte, id int) {
	binary.BigEndian.PutUint16(p[4:], uint16(id))
	binary.BigEndian.PutUint16(p[10:], 0)
	sum := uint32(0)
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(p[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(p[10:], ^uint16(sum))
}

// BenchmarkFragmentsGopacketFork is ip4defrag of the fork. It keeps what it is
// given, so each fragment is decoded anew, which is not measured apart: a decoded
// layer is what it takes. One op is one fragment.
func BenchmarkFragmentsGopacketFork(b *testing.B) {
	forFragments(b, func(b *testing.B) (feed func([]byte) bool) {
		d := ip4defrag.NewIPv4Defragmenter()
		return func(p []byte) bool {
			var ip layers.IPv4
			if err := ip.DecodeFromBytes(p, gopacket.NilDecodeFeedback); err != nil {
				b.Fatal(err)
			}
			whole, err := d.DefragIPv4(&ip)
			if err != nil {
				b.Fatal(err)
			}
			return whole != nil
		}
	})
}

// BenchmarkFragmentsGvisor is a stack of gVisor, from the injection of a fragment
// to the delivery of its datagram: its reassembly cannot be had alone. One op is
// one fragment.
func BenchmarkFragmentsGvisor(b *testing.B) {
	forFragments(b, func(b *testing.B) (feed func([]byte) bool) {
		s := stack.New(stack.Options{
			NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
			TransportProtocols: []stack.TransportProtocolFactory{udp.NewProtocol},
		})
		b.Cleanup(s.Destroy)
		link := channel.New(1, 1500, "")
		own := tcpip.AddrFrom4([4]byte{10, 0, 0, 2}).WithPrefix()
		if err := s.CreateNIC(1, link); err != nil {
			b.Fatal(err)
		}
		if err := s.AddProtocolAddress(1, tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: own}, stack.AddressProperties{}); err != nil {
			b.Fatal(err)
		}
		done := 0
		s.SetTransportProtocolHandler(udp.ProtocolNumber, func(stack.TransportEndpointID, *stack.PacketBuffer) bool {
			done++
			return true
		})
		return func(p []byte) bool {
			before := done
			pkt := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(p)})
			link.InjectInbound(ipv4.ProtocolNumber, pkt)
			pkt.DecRef()
			return done > before
		}
	})
}

func forFragments(b *testing.B, open func(*testing.B) func([]byte) bool) {
	for _, c := range []struct {
		name         string
		pieces, size int
	}{{"2x1480", 2, 1480}, {"45x1448", 45, 1448}} {
		b.Run(c.name, func(b *testing.B) {
			feed, p := open(b), fragments(c.pieces, c.size)
			done := 0
			b.ReportAllocs()
			for i := range b.N {
				k := i % len(p)
				number(p[k], i/len(p))
				if feed(p[k]) {
					done++
				}
			}
			if done != b.N/len(p) {
				b.Fatalf("%d datagrams from %d fragments", done, b.N)
			}
		})
	}
}
