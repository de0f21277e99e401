// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ping

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
	"protean/transport/internal/sockio"
)

// load makes r.packet the packet in message i, with its header rebuilt.
func (r *receiver) load(i int) wire.Malformed {
	h := &r.msg.Hdr[i]
	c := &r.control
	control := r.msg.Control(i)[:h.Hdr.Controllen]
	c.Parse(control)
	if d := int32(c.Drops - r.cur.drops); d > 0 {
		r.cur.drops = c.Drops
		r.lost += uint64(d)
		r.count.Lost += uint64(d)
	}
	r.packet.Data = nil
	if h.Hdr.Flags&unix.MSG_TRUNC != 0 {
		return wire.Truncated
	}
	a := transport.Arrival{
		Time: c.Time, IfIndex: c.IfIndex, FragSize: c.FragSize,
		Flags: transport.ChecksumVerified.Flag() | transport.FlagHeaderVerified,
	}
	if c.Time != 0 {
		a.Flags |= transport.TimeKernel.Flag()
	} else {
		a.Time = time.Now().UnixNano()
		a.Flags |= transport.TimeUser.Flag()
	}
	n := int(h.Len)
	b := r.mem[i*rxStride : i*rxStride+headroom+n]
	src := &r.msg.Addr[i]
	if r.cur.v6 {
		ext, first, ok := extend(b[:headroom], control, c)
		if !ok || h.Hdr.Flags&unix.MSG_CTRUNC != 0 || ext+n > 65535 {
			ext, first = 0, wire.ProtoICMPv6
			a.Flags |= transport.Unknown(transport.FieldExt)
		}
		b = b[headroom-ext-40:]
		c.PutIPv6(b, ext+n, first, &src.Addr)
		return r.packet.Load(b, a)
	}
	options := c.Options
	if len(options) > 40 || len(options)%4 != 0 {
		options = nil
	}
	b = b[headroom-20-len(options):]
	rebuild4(b, options, src, c)
	a.Flags |= transport.Unknown(transport.FieldID | transport.FieldDF)
	return r.packet.Load(b, a)
}

// rebuild4 writes the IPv4 header that the kernel has stripped to the start of
// b, which has room for it in front of the ICMP message.
func rebuild4(b, options []byte, src *sockio.Sockaddr, c *sockio.Control) {
	ihl := 20 + len(options)
	clear(b[:20])
	b[0], b[1] = 4<<4|byte(ihl/4), c.TOS
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[8], b[9] = c.Hop, wire.ProtoICMP
	addr := src.Addr4()
	copy(b[12:16], addr[:])
	copy(b[16:20], c.Dst4[:])
	copy(b[20:], options)
	binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:ihl]))
}

// extend puts the extension headers that control messages tell of at the end of
// b. It returns their length and the type of the first.
func extend(b, control []byte, c *sockio.Control) (ext int, first uint8, ok bool) {
	ext = int(c.Ext)
	if ext == 0 {
		return 0, wire.ProtoICMPv6, true
	}
	if ext > len(b)-40 {
		return 0, 0, false
	}
	n, first, ok := sockio.Extensions(control, b[len(b)-ext:], wire.ProtoICMPv6)
	return n, first, ok && n == ext
}
