// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
)

// options is an options header of a length with an option for experiments (RFC
// 4727) that a receiver skips.
func options(next byte, length int) []byte {
	b := make([]byte, length)
	b[0], b[1] = next, byte(length/8-1)
	at := 2
	for left := length - 2; left > 0; left = length - at {
		n := min(left-2, 255)
		if left < 2 {
			break // Pad1
		}
		b[at], b[at+1] = 0x1e, byte(n)
		for i := range n {
			b[at+2+i] = byte(i)
		}
		at += 2 + n
	}
	return b
}

// extended is a packet with extension headers, which end with that of protocol
// 253.
func extended(a, b *netlab.Node, first uint8, payload []byte, ext ...[]byte) []byte {
	p := packet(between(a, b, true), append(bytes.Join(ext, nil), payload...))
	p[6] = first
	return p
}

func TestExtensionHeadersArriveAsTheyWereSent(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair().WithMTU(9000))
	a, b := lab.Node("a"), lab.Node("b")
	tx, rx := open(t, a, Config{}), open(t, b, Config{})
	bind(t, rx, 253)
	routing := []byte{60, 0, 0, 0, 0, 0, 0, 0} // type 0, no segments left
	atomic := []byte{60, 0, 0, 0, 0, 0, 0, 1}
	var bytesIn uint64
	for _, c := range []struct {
		name  string
		first uint8
		ext   [][]byte
		want  [][]byte // nil: the same
	}{
		{"hop-by-hop options", 0, [][]byte{options(253, 8)}, nil},
		{"destination options", 60, [][]byte{options(253, 24)}, nil},
		{"destination options twice", 60, [][]byte{options(60, 8), options(253, 16)}, nil},
		{"a routing header", 43, [][]byte{routing, options(253, 8)}, nil},
		{"all of them", 0, [][]byte{options(43, 16), routing, options(253, 8)}, nil},
		{"the longest", 60, [][]byte{options(253, 2048)}, nil},
		{"an atomic fragment's is taken in", 44, [][]byte{atomic, options(253, 8)}, [][]byte{options(253, 8)}},
	} {
		payload := pattern(100)
		send(t, tx, extended(a, b, c.first, payload, c.ext...))
		p := receive(t, rx, 1)[0]
		want := bytes.Join(c.want, nil)
		if c.want == nil {
			want = bytes.Join(c.ext, nil)
		}
		if !bytes.Equal(p.Ext(), want) || p.Protocol() != 253 || !bytes.Equal(p.Payload(), payload) || !p.Known(transport.FieldExt) {
			t.Errorf("%s: headers %x, want %x; protocol %d, payload %x", c.name, p.Ext(), want, p.Protocol(), p.Payload())
		}
		if p.Src() != a.Addr6() || p.Dst() != b.Addr6() {
			t.Errorf("%s: from %v to %v", c.name, p.Src(), p.Dst())
		}
		bytesIn += uint64(len(p.Data))
	}
	if st := rx.Stats(); st.ReceivedBytes != bytesIn || st.Received != st.Delivered {
		t.Errorf("%+v, want %d bytes, and all delivered", st, bytesIn)
	}
}

func TestExtensionHeadersThatThereIsNoRoomForAreUnknown(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair().WithMTU(9000))
	a, b := lab.Node("a"), lab.Node("b")
	tx, rx := open(t, a, Config{}), open(t, b, Config{})
	bind(t, rx, 253)
	send(t, tx, extended(a, b, 60, pattern(50), options(60, 2048), options(253, 2048)))
	p := receive(t, rx, 1)[0]
	if p.Known(transport.FieldExt) || len(p.Ext()) != 0 || p.Protocol() != 253 || !bytes.Equal(p.Payload(), pattern(50)) {
		t.Errorf("known %v, %d bytes of headers, protocol %d, payload %x", p.Known(transport.FieldExt), len(p.Ext()), p.Protocol(), p.Payload())
	}
	if !p.Known(transport.FieldTTL|transport.FieldTOS|transport.FieldDst) || p.Dst() != b.Addr6() || p.TTL() != 64 || p.IfIndex == 0 {
		t.Errorf("what comes beside them is lost: %v, hop limit %d, interface %d", p.Dst(), p.TTL(), p.IfIndex)
	}
}

func TestTheKernelSendsOptionsHeaders(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx, rx := open(t, a, Config{Header: Kernel}), open(t, b, Config{})
	bind(t, rx, 253)
	for _, c := range []struct {
		first   uint8
		payload int
		ext     [][]byte
	}{
		{0, 10, [][]byte{options(253, 8)}},
		{60, 10, [][]byte{options(253, 32)}},
		{0, 10, [][]byte{options(60, 16), options(253, 24)}},
		{0, 0, [][]byte{options(253, 1024)}},
		{0, 4000, [][]byte{options(60, 16), options(253, 24)}}, // the kernel fragments
	} {
		sent := extended(a, b, c.first, pattern(c.payload), c.ext...)
		send(t, tx, sent)
		p := receive(t, rx, 1)[0]
		if !bytes.Equal(p.Data[6:], sent[6:]) || (p.FragSize != 0) != (c.payload > 1500) {
			t.Errorf("sent %x\n got %x, largest fragment %d", sent, p.Data, p.FragSize)
		}
	}
}

func TestExtensionHeadersThatTheKernelCannotBeToldOfAreRefused(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair().WithMTU(9000))
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{Header: Kernel})
	routing := func(typ byte) []byte { return append([]byte{253, 2, typ, 1}, make([]byte, 20)...) }
	cut := options(253, 8)
	cut[1] = 9
	for name, c := range map[string]struct {
		p    []byte
		want error
	}{
		"a fragment":                       {extended(a, b, 44, nil, []byte{253, 0, 0, 1, 0, 0, 0, 1}), errors.ErrUnsupported},
		"an atomic fragment":               {extended(a, b, 44, nil, []byte{253, 0, 0, 0, 0, 0, 0, 1}), errors.ErrUnsupported},
		"a routing header":                 {extended(a, b, 43, nil, routing(0)), errors.ErrUnsupported},
		"destination options twice":        {extended(a, b, 60, nil, options(60, 8), options(253, 8)), errors.ErrUnsupported},
		"more than there is room for":      {extended(a, b, 0, nil, options(60, 2048), options(253, 2048)), errors.ErrUnsupported},
		"a header beyond the packet":       {extended(a, b, 60, nil, cut), wire.BadExtension},
		"half a header":                    {extended(a, b, 60, nil, []byte{253, 0, 1}), wire.BadExtension},
		"no header":                        {extended(a, b, 60, nil), wire.BadExtension},
		"hop-by-hop options behind others": {extended(a, b, 60, nil, options(0, 8), options(253, 8)), errors.ErrUnsupported},
	} {
		if err := trySend(tx, 0, c.p); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	// The longest that is sent is as long as package documentation says.
	if err := trySend(tx, 0, extended(a, b, 0, nil, options(60, 2048), options(253, maxExt-2048))); err != nil {
		t.Errorf("%d bytes of headers: %v", maxExt, err)
	}
	// The kernel itself takes no routing header by a control message, unless it
	// is built for mobile nodes.
	fd := otherSocket(t, a, true, 253)
	for typ := range byte(5) {
		oob := make([]byte, unix.CmsgSpace(24))
		binary.NativeEndian.PutUint64(oob, uint64(unix.CmsgLen(24)))
		binary.NativeEndian.PutUint32(oob[8:], unix.SOL_IPV6)
		binary.NativeEndian.PutUint32(oob[12:], unix.IPV6_RTHDR)
		copy(oob[16:], routing(typ))
		if err := unix.Sendmsg(fd, []byte("x"), oob, sockaddrOf(b.Addr6()), 0); err == nil {
			t.Logf("this kernel sends routing headers of type %d", typ)
		} else if err != unix.EINVAL {
			t.Errorf("routing header of type %d: %v, want EINVAL", typ, err)
		}
	}
}

func TestExtensionHeadersAllocateNothing(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	for _, mode := range []Header{Included, Kernel} {
		l := newLoop(t, a, Config{Header: mode}, true, 32, 0)
		l.frame = extended(a, a, 0, pattern(100), options(60, 16), options(253, 24))
		l.send()
		l.receive()
		if n := testing.AllocsPerRun(100, func() { l.send(); l.receive() }); n != 0 {
			t.Errorf("header mode %d: %v allocations for 32 packets sent and received", mode, n)
		}
	}
}
