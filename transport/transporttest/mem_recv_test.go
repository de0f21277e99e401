// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"net"
	"os"
	"time"

	"protean/transport"
)

func (m *mem) Recv(s transport.Sink, limit int) (n int, err error) {
	m.gate.Lock()
	if m.fault != "a panic leaves a lock held" {
		defer m.gate.Unlock()
	} else {
		defer func() {
			if err != nil || n >= 0 && recover() == nil {
				m.gate.Unlock()
			} else {
				panic("in Deliver")
			}
		}()
	}
	m.receiver.Store(goid())
	defer m.receiver.Store(0)
	if m.fault == "swallows a panic" {
		defer func() { _ = recover() }()
	}
	switch m.fault {
	case "ignores the limit":
		limit = 64
	case "delivers one packet with limit 0":
		limit = max(limit, 1)
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed && m.fault != "delivers after Close" {
		return 0, net.ErrClosed
	}
	if m.caps.SendOnly {
		if m.fault == "Recv of a sender says nothing" {
			return 0, nil
		}
		return 0, &transport.UnsupportedError{Transport: m.caps.Name, Feature: "receiving"}
	}
	stampsLast := m.fault == "stamps come after packets"
	if !stampsLast {
		m.deliverEvents(s)
	}
	snapshot := m.fault == "Unbind does not stop a Recv"
	for n < limit && len(m.waiting) > 0 && (!m.closed || m.fault == "delivers after Close") {
		a := m.waiting[0]
		m.waiting = m.waiting[1:]
		if last := len(m.waiting) - 1; m.fault == "delivers packets backwards" && last >= 0 {
			a, m.waiting[last] = m.waiting[last], a
		}
		n += m.deliver(s, a, snapshot && n > 0)
		if m.fault == "packets share memory" && len(m.waiting) > 0 {
			next := m.waiting[0].data
			copy(next[len(next)-8:], a.data[len(a.data)-8:])
		}
	}
	if stampsLast && n > 0 {
		m.deliverEvents(s)
	}
	if m.fault == "Recv waits for as many as its limit" && limit > 64 {
		m.mu.Unlock()
		<-m.done
		m.mu.Lock()
	}
	if m.fault == "counts one too many" {
		n++
	}
	return n, nil
}

// deliver hands over one packet and returns how many that makes.
func (m *mem) deliver(s transport.Sink, a arrival, anyway bool) int {
	m.stats.Received++
	m.stats.ReceivedBytes += uint64(len(a.data))
	var p transport.Packet
	if bad := p.Load(a.data, transport.Arrival{
		Time: a.time, IfIndex: m.index, Flags: transport.TimeUser.Flag(),
	}); bad != 0 {
		m.stats.Malformed[bad]++
		m.stats.Dropped[transport.Malformed]++
		return 0
	}
	switch m.fault {
	case "names the wrong interface":
		p.IfIndex = 77
	case "does not cut padding off":
		p.Data = append(p.Data, 0)
	}
	if !m.isBound(a.data) && !anyway && m.fault != "delivers after Unbind" {
		if m.fault != "drops without counting" {
			m.stats.Dropped[transport.Closed]++
		}
		return 0
	}
	ended := false
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		if ended {
			return
		}
		switch m.fault {
		case "repeats a packet after a panic":
			m.waiting = append([]arrival{a}, m.waiting...)
		case "loses packets after a panic":
			m.waiting = nil
		case "frees a packet with the panic":
			clear(p.Data)
		case "does not count a panic's packet":
			m.stats.Delivered--
		}
	}()
	m.mu.Lock()
	m.stats.Delivered++
	m.mu.Unlock()
	s.Deliver(&p)
	ended = true
	return 1
}

func (m *mem) deliverEvents(s transport.Sink) {
	for len(m.events) > 0 {
		e := m.events[0]
		m.events = m.events[1:]
		func() {
			m.mu.Unlock()
			defer m.mu.Lock()
			s.Event(&e)
		}()
	}
}

func (m *mem) Wait(until time.Time) error {
	m.waits.Lock()
	defer m.waits.Unlock()
	m.mu.Lock()
	for _, p := range m.pending {
		m.bound[p] = 1
	}
	m.pending = nil
	closed, ready := m.closed, len(m.waiting) > 0 || len(m.events) > 0
	if m.short && len(m.free) > 0 {
		m.short, ready = false, true
	}
	woken := m.woken
	m.woken = false
	if until.IsZero() && m.late && m.fault == "a timeout lasts" {
		ready = true
	}
	m.mu.Unlock()
	switch {
	case closed && m.fault != "Close does not end Wait":
		return net.ErrClosed
	case m.fault == "Wait only returns for what is new":
	case m.fault == "Wait with a time sleeps" && !until.IsZero():
	case ready || woken || m.fault == "Wait does not wait":
		return nil
	}
	if m.fault == "loses a Wake before Wait" {
		select {
		case <-m.wake:
		default:
		}
	}
	var timeout <-chan time.Time
	if !until.IsZero() && m.fault != "Wait ignores its time" {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		timeout = timer.C
	}
	wake := m.wake
	if m.fault == "Wait with a time sleeps" && !until.IsZero() {
		wake = nil
	}
	select {
	case <-wake:
		if m.fault == "a Wake lasts for ever" {
			m.signal()
		}
	case <-timeout:
		m.mu.Lock()
		m.late = true
		m.mu.Unlock()
		if m.fault == "a Wait that times out fails" {
			return os.ErrDeadlineExceeded
		}
		if m.fault == "a Wait with a past time fails" && time.Since(until) > time.Second/2 {
			return os.ErrDeadlineExceeded
		}
	case <-m.done:
		return net.ErrClosed
	}
	return nil
}

func (m *mem) Wake() {
	switch m.fault {
	case "a Wake does not end the Wait in progress":
		m.mu.Lock()
		m.woken = true
		m.mu.Unlock()
	case "Wake blocks":
		m.wake <- struct{}{}
	default:
		m.signal()
	}
}
