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
	c.Parse(r.msg.Control(i)[:h.Hdr.Controllen])
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
	b := r.mem[i*stride : i*stride+headroom+n]
	src := &r.msg.Addr[i]
	if r.cur.v6 {
		b = b[headroom-40:]
		rebuild6(b, n, src, c)
		a.Flags |= transport.Unknown(transport.FieldExt)
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

// rebuild6 does so for IPv6.
func rebuild6(b []byte, n int, src *sockio.Sockaddr, c *sockio.Control) {
	binary.BigEndian.PutUint32(b, 6<<28|c.Flow&0x0fffffff)
	binary.BigEndian.PutUint16(b[4:], uint16(n))
	b[6], b[7] = wire.ProtoICMPv6, c.Hop
	copy(b[8:24], src.Addr[:])
	copy(b[24:40], c.Dst[:])
}
