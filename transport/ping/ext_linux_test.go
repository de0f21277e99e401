// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
	"protean/transport/rawip"
)

// options is an options header of a length, with options for experiments (RFC
// 4727) that a receiver skips.
func options(next byte, length int) []byte {
	b := []byte{next, byte(length/8 - 1)}
	for len(b) < length-1 {
		n := min(length-len(b)-2, 255)
		b = append(append(b, 0x1e, byte(n)), make([]byte, n)...)
	}
	return append(b, 0)[:length] // Pad1, if one byte is left
}

// reply is an echo reply with extension headers, of which first is the type of
// the first one.
func reply(src, dst netip.Addr, id uint16, data []byte, first uint8, ext ...[]byte) []byte {
	chain := bytes.Join(ext, nil)
	p := request(src, dst, id, nil, data)
	m := p[40:]
	m[0] = wire.ICMPv6EchoReply
	pseudo := append(append([]byte(nil), p[8:40]...), 0, 0, 0, 0, 0, 0, 0, wire.ProtoICMPv6)
	binary.BigEndian.PutUint32(pseudo[32:], uint32(len(m)))
	binary.BigEndian.PutUint16(m[2:], checksum.Checksum(append(pseudo, m...)))
	p[6] = first
	binary.BigEndian.PutUint16(p[4:], uint16(len(chain)+len(m)))
	return append(append(bytes.Clone(p[:40]), chain...), m...)
}

func TestExtensionHeadersOfRepliesAreKnown(t *testing.T) {
	l := netlab.Test(t, netlab.Pair().WithMTU(9000))
	a, b := l.Node("a"), l.Node("b")
	for _, s := range []struct {
		n           *netlab.Node
		name, value string
	}{{a, "net.ipv4.ping_group_range", "0 0"}, {b, "net.ipv6.icmp.echo_ignore_all", "1"}} {
		if err := s.n.Sysctl(s.name, s.value); err != nil {
			t.Fatal(err)
		}
	}
	tr := open(t, a, Config{})
	other, err := rawip.Open(&rawip.Config{NetNS: b.NetNS()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	routing := []byte{60, 0, 0, 0, 0, 0, 0, 0} // type 0, no segments left
	atomic := []byte{60, 0, 0, 0, 0, 0, 0, 1}
	var bytesIn uint64
	for i, c := range []struct {
		first   uint8
		ext     [][]byte
		want    [][]byte // nil: the same
		unknown bool
	}{
		{first: 58},
		{first: 0, ext: [][]byte{options(58, 8)}},
		{first: 60, ext: [][]byte{options(58, 24)}},
		{first: 60, ext: [][]byte{options(60, 8), options(58, 16)}},
		{first: 0, ext: [][]byte{options(43, 16), routing, options(58, 8)}},
		{first: 60, ext: [][]byte{options(58, 2048)}},
		{first: 44, ext: [][]byte{atomic, options(58, 8)}, want: [][]byte{options(58, 8)}},
		{first: 60, ext: [][]byte{options(60, 2048), options(58, 2048)}, unknown: true},
		{first: 58},
	} {
		name := fmt.Sprintf("%d: %d bytes", i, len(bytes.Join(c.ext, nil)))
		if err := send(tr, request(a.Addr6(), b.Addr6(), 7, nil, nil), 0); err != nil {
			t.Fatal(err)
		}
		data := bytes.Repeat([]byte{byte(i)}, 100*(i+1))
		sendRaw(t, other, reply(b.Addr6(), a.Addr6(), 7, data, c.first, c.ext...))
		var got collector
		got.until(t, tr, func() bool { return len(got.packets) > 0 })
		p := got.packets[0]
		want := bytes.Join(c.want, nil)
		if c.want == nil && !c.unknown {
			want = bytes.Join(c.ext, nil)
		}
		if !bytes.Equal(p.Ext(), want) || p.Known(transport.FieldExt) == c.unknown {
			t.Errorf("%s: headers %x, want %x; known %v", name, p.Ext(), want, p.Known(transport.FieldExt))
		}
		m := p.Payload()
		if p.Protocol() != wire.ProtoICMPv6 || len(m) != 8+len(data) || m[0] != wire.ICMPv6EchoReply || !bytes.Equal(m[8:], data) {
			t.Errorf("%s: protocol %d, %d bytes of payload", name, p.Protocol(), len(m))
		}
		if p.Src() != b.Addr6() || p.Dst() != a.Addr6() || p.TTL() != 37 || p.TOS() != 0xb9 || p.IfIndex == 0 || p.TimeSource() != transport.TimeKernel {
			t.Errorf("%s: %v → %v, hop limit %d, class %#x, interface %d", name, p.Src(), p.Dst(), p.TTL(), p.TOS(), p.IfIndex)
		}
		bytesIn += uint64(len(p.Data))
	}
	if st := tr.Stats(); st.Received != st.Delivered || st.ReceivedBytes != bytesIn {
		t.Errorf("%+v, want %d bytes, and all delivered", st, bytesIn)
	}
}

func sendRaw(t *testing.T, tr *rawip.Transport, p []byte) {
	t.Helper()
	q := tr.Queues()[0]
	var b transport.Batch
	if err := q.Reserve(&b, 1); err != nil {
		t.Fatal(err)
	}
	b.Slots[0].Data = append(b.Slots[0].Data, p...)
	if _, err := q.Commit(&b, 1); err != nil {
		t.Fatal(err)
	}
}
