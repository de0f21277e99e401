// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"bytes"
	"errors"
	"net"
	"time"

	"protean/transport"
)

func (m *mem) Reserve(b *transport.Batch, n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed && m.fault != "Reserve works after Close" {
		return net.ErrClosed
	}
	if n < 1 {
		if m.fault == "Reserve of nothing appends a slot" {
			n = 1
		} else {
			return nil
		}
	}
	if len(m.free) == 0 {
		m.short = true
		if m.fault == "ErrNoSlots is another error" {
			return errors.New("no slots")
		}
		return transport.ErrNoSlots
	}
	if n > 4 && m.fault != "Reserve appends too many" {
		n = 4 // as a transport may
	}
	if m.fault == "Reserve appends too many" {
		n++
	}
	for ; n > 0 && len(m.free) > 0; n-- {
		last := len(m.free) - 1
		data := m.free[last][:0]
		switch m.fault {
		case "slots share memory":
			data = m.free[0][:0]
		case "slots are too small":
			data = data[:0:1000]
		case "slots are not empty":
			data = data[:20]
		}
		m.free = m.free[:last]
		b.Slots = append(b.Slots, transport.Slot{Data: data})
	}
	return nil
}

// refuse returns why a packet cannot be sent.
func (m *mem) refuse(data []byte) error {
	limit := m.mtu
	if m.caps.Fragments && m.fault != "refuses what it should fragment" {
		limit = m.caps.MaxPacket // the peer gets them as if reassembled
	}
	if m.fault == "takes no packet as large as the MTU" {
		limit--
	}
	if len(data) > limit {
		switch m.fault {
		case "takes packets of any size":
			return nil
		case "too big is another error":
			return errors.New("too big")
		case "too big names no size":
			return &transport.TooBigError{}
		}
		return &transport.TooBigError{Size: len(data), MTU: limit}
	}
	var p transport.Packet
	if bad := p.Load(data, transport.Arrival{Flags: transport.FlagHeaderVerified}); bad != 0 {
		return &net.OpError{Op: "send", Net: "mem", Err: errors.New("malformed")}
	}
	if m.fault == "cannot send options" && len(p.Options())+len(p.Ext()) > 0 {
		return errors.New("options")
	}
	if p.Is6() && !m.caps.V6 || !p.Is6() && !m.caps.V4 {
		return &net.OpError{Op: "send", Net: "mem", Err: errors.New("family not carried")}
	}
	return nil
}

func (m *mem) Commit(b *transport.Batch, n int) (sent int, err error) {
	if m.fault == "Commit waits for Recv" {
		m.gate.Lock()
		defer m.gate.Unlock()
	}
	if m.fault == "Commit waits for Wait" {
		m.waits.Lock()
		defer m.waits.Unlock()
	}
	m.mu.Lock()
	if m.closed && m.fault != "Commit works after Close" {
		m.mu.Unlock()
		return 0, net.ErrClosed
	}
	if m.fault == "Commit sends the whole batch" {
		for n < len(b.Slots) && len(b.Slots[n].Data) > 0 {
			n++
		}
	}
	var out [][]byte
	for ; sent < n && err == nil; sent++ {
		s := &b.Slots[sent]
		if err = m.refuse(s.Data); err != nil {
			if m.fault != "does not count refused packets" {
				m.stats.Refused++
			}
			if m.fault == "drops malformed packets in silence" {
				err = nil
				continue
			}
			break
		}
		var p transport.Packet
		p.Load(s.Data, transport.Arrival{Flags: transport.FlagHeaderVerified})
		if s.Stamp || m.fault == "stamps everything" {
			m.events = append(m.events, transport.Event{Kind: transport.PacketSent, Sent: &transport.Sent{
				Protocol: p.Protocol(), Cookie: s.Cookie, Time: time.Now().UnixNano(), Source: m.caps.TxTime,
			}})
			m.signal()
		}
		m.stats.Committed++
		m.stats.Sent++
		m.stats.SentBytes += uint64(len(s.Data))
		out = append(out, bytes.Clone(s.Data))
	}
	m.takeBack(b, sent, n, err)
	if m.fault == "hides the error" {
		err = nil
	}
	m.mu.Unlock()
	m.transmit(out)
	return sent, err
}

// takeBack frees the slots of b that were sent and those from n on.
func (m *mem) takeBack(b *transport.Batch, sent, n int, err error) {
	for i := range b.Slots {
		if (i < sent || i >= n) && !(i >= n && m.fault == "does not take unused slots back") && m.fault != "slots of sent packets are lost" {
			m.free = append(m.free, b.Slots[i].Data)
		}
	}
	if err == nil || m.fault != "leaves unused slots behind a refused packet" {
		b.Truncate(n)
	}
	if err != nil && m.fault == "takes the refused packet out of the batch" {
		sent++
	}
	b.Shift(sent)
	if m.short && m.fault != "room is not reported" {
		m.signal()
	}
	if m.fault == "room is not reported" {
		m.short = false
	}
}

func (m *mem) transmit(out [][]byte) {
	for i := range out {
		data := out[i]
		switch m.fault {
		case "sends out of order":
			data = out[len(out)-1-i]
		case "sends twice":
			m.peer.push(bytes.Clone(data))
		case "loses a packet now and then":
			m.mu.Lock()
			lost := m.stats.Sent%500 < uint64(len(out))
			m.mu.Unlock()
			if lost && i == 0 {
				continue
			}
		case "loses packets without payload":
			if len(data) <= 20 || len(data) == 40 {
				continue
			}
		case "Close forgets what was committed":
			time.AfterFunc(5*time.Millisecond, func() {
				m.mu.Lock()
				closed := m.closed
				m.mu.Unlock()
				if !closed {
					m.peer.push(data)
				}
			})
			continue
		}
		m.peer.push(data)
	}
}
