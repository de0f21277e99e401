// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/sockio"
)

// count takes note that packet i was received.
func (r *receiver) count(i int) {
	n := uint64(r.messages().Hdr[i].Len)
	if r.cur.v6 {
		n += 40 + uint64(r.extLen)
		r.extLen = 0
	}
	r.received++
	r.bytes += n
}

// load makes r.packet the packet in message i.
func (r *receiver) load(i int) wire.Malformed {
	m := r.messages()
	h := &m.Hdr[i]
	c := &r.control
	control := m.Control(i)[:h.Hdr.Controllen]
	c.Parse(control)
	r.extLen = 0
	if c.Drops != 0 {
		r.cur.addDrops(c.Drops)
	}
	if h.Hdr.Flags&unix.MSG_TRUNC != 0 {
		return wire.Truncated
	}
	a := transport.Arrival{Time: c.Time, IfIndex: c.IfIndex, FragSize: c.FragSize}
	if c.Time != 0 {
		a.Flags = transport.TimeKernel.Flag()
	} else {
		a.Time, a.Flags = time.Now().UnixNano(), transport.TimeUser.Flag()
	}
	n := int(h.Len)
	b := r.mem[i*stride : (i+1)*stride]
	if !r.cur.v6 {
		a.Flags |= transport.FlagHeaderVerified | type4(b, c).Flag()
		return r.packet.Load(b[:n], a)
	}
	next := r.cur.protocol
	switch {
	case h.Hdr.Flags&unix.MSG_CTRUNC != 0:
		a.Flags |= transport.Unknown(transport.FieldExt)
	case c.Ext > 0:
		if ext, first, ok := r.extend(b, n, control); ok {
			r.extLen, next = ext, first
			n += ext
		} else {
			a.Flags |= transport.Unknown(transport.FieldExt)
		}
	}
	c.PutIPv6(b, n, next, &m.Addr[i].Addr)
	if r.cur.verified {
		a.Flags |= transport.ChecksumVerified.Flag()
	}
	if c.Dst[0] == 0xff {
		a.Flags |= transport.PacketMulticast.Flag()
	}
	return r.packet.Load(b[:40+n], a)
}

// extend puts the extension headers that control messages tell of in front of
// the n bytes of payload in b. It returns their length and the type of the first.
func (r *receiver) extend(b []byte, n int, control []byte) (ext int, first uint8, ok bool) {
	ext, first, ok = sockio.Extensions(control, r.ext, r.cur.protocol)
	if !ok || ext+n > 65535 {
		return 0, 0, false
	}
	copy(b[40+ext:], b[40:40+n])
	copy(b[40:], r.ext[:ext])
	return ext, first, true
}

// type4 tells from the destination address to whom the packet was sent, and
// from the own address that stands for it where the two differ: the kernel
// takes another one only for packets that are not to a single host.
func type4(b []byte, c *sockio.Control) transport.PacketType {
	switch dst := [4]byte(b[16:20]); {
	case dst[0]>>4 == 14:
		return transport.PacketMulticast
	case dst == [4]byte{255, 255, 255, 255}, dst != c.Local && c.Local != [4]byte{}:
		return transport.PacketBroadcast
	}
	return transport.PacketHost
}
