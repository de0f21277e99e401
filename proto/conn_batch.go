// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"errors"
	"net"
	"time"

	"protean/transport"
)

// A Message is one packet for ReadBatch and WriteBatch.
type Message struct {
	// Buf is the payload to write; on reading, the memory for it.
	Buf []byte

	// N is the number of bytes of Buf that were read.
	N int

	// Header: on reading, where the packet came from and went to, and the
	// fields Protocol, TTL, TOS, FlowLabel and IfIndex. On writing, where it is
	// to go and how; its zero fields are taken from the Conn, except that Exact,
	// ID, Stamp and Cookie are the message's own.
	Header Header

	// Time is when the packet arrived, if that is known; set on reading.
	Time time.Time

	// FragSize is the length of its largest fragment; set on reading.
	FragSize int
}

// ReadBatch reads packets into ms, at least one and as many as are there, and
// returns their number. It waits for the first only.
func (c *Conn) ReadBatch(ms []Message) (int, error) {
	if len(ms) == 0 {
		return 0, nil
	}
	n, r, err := c.read(ms[0].Buf)
	if err != nil {
		return 0, err
	}
	c.fill(&ms[0], n, &r)
	for i := 1; i < len(ms); i++ {
		n, r, ok := c.rq.get(ms[i].Buf)
		if !ok {
			return i, nil
		}
		c.fill(&ms[i], n, &r)
	}
	return len(ms), nil
}

func (c *Conn) fill(m *Message, n int, r *record) {
	m.N, m.Time, m.FragSize = n, r.time, int(r.fragSize)
	m.Header = Header{
		Src: r.src, Dst: r.dst, IfIndex: int(r.ifindex), Protocol: c.cfg.Header.Protocol,
		TTL: r.ttl, TOS: r.tos, FlowLabel: r.flowLabel,
	}
}

// WriteBatch sends the messages in order and returns how many were accepted.
// It waits for room, until the write deadline; err is about the first message
// not sent.
func (c *Conn) WriteBatch(ms []Message) (n int, err error) {
	for i := 0; i < len(ms); {
		n, err := c.tryBatch(ms[i:])
		i += n
		if err == nil {
			continue
		}
		if err != transport.ErrNoSlots {
			var op *net.OpError // names the Conn already
			if errors.As(err, &op) && op.Op == "write" {
				return i, err
			}
			return i, c.opError("write", err)
		}
		hd := c.header(&ms[i])
		if _, err := c.write(ms[i].Buf, &hd); err != nil {
			return i, err
		}
		i++
	}
	return len(ms), nil
}

// tryBatch sends as many messages as there is room for, with one call of the
// transport.
func (c *Conn) tryBatch(ms []Message) (n int, err error) {
	if err := c.mayWrite(); err != nil {
		return 0, err
	}
	if !c.b.enter() {
		return 0, errClosed
	}
	defer c.b.leave()
	c.wmu.lockToSend()
	defer c.wmu.Unlock()
	c.out.nowOK = false
	if err := c.push(); err != nil {
		return 0, err
	}
	for i := range min(len(ms), c.out.max) {
		if err = c.stage(&ms[i]); err != nil {
			break
		}
	}
	staged := c.out.n
	if staged == 0 {
		c.out.giveBack()
		return 0, err
	}
	_, ferr := c.out.flush()
	if ferr == nil {
		if err == transport.ErrNoSlots {
			err = nil // what was sent has made room
		}
		return staged, err
	}
	sent := staged - c.out.n
	if ferr != transport.ErrNoSlots {
		sent-- // the one dropped
	}
	c.out.unstage()
	return sent, ferr
}

func (c *Conn) stage(m *Message) error {
	hd := c.header(m)
	if n := hd.len() + len(m.Buf); !c.h.fits(n, hd.Dst.Is6()) && n > c.h.pathMTU(hd.Dst, hd.IfIndex, c.out.time()) && n <= c.h.caps.MaxPacket {
		return transport.ErrNoSlots // it may be cut, and so goes by itself
	}
	if c.out.n == len(c.out.b.Slots) {
		// A flush on the way, as reserving does it, would be lost sight of.
		if err := c.out.reserveMore(); err != nil {
			return err
		}
	}
	s, err := c.out.reserveFor(c.b, &hd, len(m.Buf))
	if err != nil {
		return err
	}
	copy(s.Payload(), m.Buf)
	return s.Commit()
}

// header merges a message's header with the Conn's.
func (c *Conn) header(m *Message) Header {
	hd, d := m.Header, &c.cfg.Header
	hd.Protocol = d.Protocol
	if !hd.Dst.IsValid() {
		hd.Dst = d.Dst
	}
	if !hd.Src.IsValid() {
		hd.Src = d.Src
	}
	if hd.IfIndex == 0 && hd.Dst.Zone() == "" {
		hd.IfIndex = d.IfIndex
	}
	if hd.Options == nil {
		hd.Options = d.Options
	}
	if hd.Ext == nil {
		hd.Ext = d.Ext
	}
	if hd.Exact {
		return hd
	}
	if hd.TTL == 0 {
		hd.TTL = d.TTL
	}
	if hd.TOS == 0 {
		hd.TOS = d.TOS
	}
	if hd.FlowLabel == 0 {
		hd.FlowLabel = d.FlowLabel
	}
	if hd.Frag == FragAuto {
		hd.Frag = d.Frag
	}
	return hd
}
