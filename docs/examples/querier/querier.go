// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package querier

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"protean/proto"
	"protean/proto/checksum"
	"protean/proto/wire"
	"protean/transport"
)

// The groups that questions and answers go to.
var (
	allHosts4   = netip.MustParseAddr("224.0.0.1")
	allHosts6   = netip.MustParseAddr("ff02::1")
	allRouters4 = netip.MustParseAddr("224.0.0.22") // RFC 9776, section 4.2.14
	allRouters6 = netip.MustParseAddr("ff02::16")   // RFC 9777, section 5.2.14
)

// Types of messages.
const (
	igmpQuery  = 0x11
	igmpReport = 0x22 // version 3
	mldQuery   = 130
	mldReport  = 143 // version 2
)

// A record of a report is about one group. Of its types (RFC 9776, section
// 4.2.12), this one with an empty source list means that nobody listens any more.
const changeToInclude = 3

// A Querier asks on one interface, for one family.
type Querier struct {
	V6        bool
	Interface string
	Interval  time.Duration // between questions
	Response  time.Duration // how long hosts may take to answer

	// Report is called for each group that a host reports: joined, or left.
	Report func(host, group netip.Addr, joined bool)

	ifindex int
	src     netip.Addr
}

// Options are what a Querier is registered with. ICMPv6 is the host's, too.
func (q *Querier) Options() *proto.Options {
	if q.V6 {
		return &proto.Options{Protocols: []uint8{wire.ProtoICMPv6}, Shared: true}
	}
	return &proto.Options{Protocols: []uint8{wire.ProtoIGMP}}
}

// Start joins the group that answers go to, and asks.
func (q *Querier) Start(env *proto.Env) error {
	link, _ := env.Interface(q.Interface)
	q.ifindex = link.Index
	if q.src = link.Addr(false); q.V6 {
		q.src = link.LinkLocal() // which MLD is spoken from
	}
	if !q.src.IsValid() {
		return errors.New("querier: no address to ask from on " + q.Interface)
	}
	group := allRouters4
	if q.V6 {
		group = allRouters6
	}
	if err := env.Join(q.ifindex, group); err != nil {
		return err
	}
	var ask func(*proto.Env)
	ask = func(env *proto.Env) {
		if err := q.query(env); err != nil {
			env.Log().Warn("querier: query", "error", err)
		}
		env.After(q.Interval, ask)
	}
	ask(env)
	return nil
}

// query asks all hosts for all groups.
func (q *Querier) query(env *proto.Env) error {
	hd := proto.Header{Src: q.src, Dst: allHosts4, IfIndex: q.ifindex, TTL: 1, Options: wire.AppendIPv4RouterAlert(nil, 0)}
	m := make([]byte, 12) // no group, no sources
	seconds := byte(max(1, q.Interval/time.Second))
	if q.V6 {
		hd.Dst, hd.Options = allHosts6, nil
		hd.Ext = []wire.Ext{{Type: wire.ExtHopByHop, Data: wire.AppendIPv6RouterAlert(nil, 0)}}
		m = make([]byte, 28)
		m[0] = mldQuery
		binary.BigEndian.PutUint16(m[4:], uint16(q.Response/time.Millisecond))
		m[24], m[25] = 2, seconds // robustness, and the interval for who takes over
	} else {
		m[0], m[1] = igmpQuery, byte(max(1, q.Response/(100*time.Millisecond)))
		m[8], m[9] = 2, seconds
	}
	sum := ^checksum.Combine(q.pseudo(q.src, hd.Dst, len(m)), checksum.Sum(m))
	binary.BigEndian.PutUint16(m[2:], sum)
	return env.Send(hd, m)
}

// HandlePacket hears an answer.
func (q *Querier) HandlePacket(_ *proto.Env, p *proto.Packet) error {
	m := p.Payload()
	want, size := byte(igmpReport), 4
	if q.V6 {
		want, size = mldReport, 16
	}
	switch {
	case len(m) < 8:
		return transport.Malformed
	case m[0] != want:
		return proto.Pass
	case !checksum.VerifyWith(q.pseudo(p.Src(), p.Dst(), len(m)), m):
		return transport.BadChecksum
	}
	n := int(binary.BigEndian.Uint16(m[6:]))
	for m = m[8:]; n > 0; n-- {
		// Type, length of auxiliary data in words, number of sources, group.
		if len(m) < 4+size {
			return transport.Malformed
		}
		sources := int(binary.BigEndian.Uint16(m[2:]))
		whole := 4 + size + sources*size + int(m[1])*4
		if len(m) < whole {
			return transport.Malformed
		}
		group, _ := netip.AddrFromSlice(m[4 : 4+size])
		q.Report(p.Src(), group, m[0] != changeToInclude || sources > 0)
		m = m[whole:]
	}
	return nil
}

// pseudo is the part of the checksum that is not in the message.
func (q *Querier) pseudo(src, dst netip.Addr, n int) uint16 {
	if !q.V6 {
		return 0
	}
	return checksum.PseudoHeader(src, dst, wire.ProtoICMPv6, n)
}
