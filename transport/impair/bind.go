// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"net"

	"protean/proto/wire"
	"protean/transport"
)

// Bind implements [transport.Transport].
func (t *Transport) Bind(protocol int) error {
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	if err := t.inner.Bind(protocol); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if protocol == transport.AnyProtocol {
		t.all = true
	} else {
		t.bits[protocol>>6] |= 1 << (protocol & 63)
	}
	return nil
}

// Unbind implements [transport.Transport]. What is on its way in is dropped
// when it arrives.
func (t *Transport) Unbind(protocol int) error {
	if err := t.enter(); err != nil {
		return err
	}
	defer t.leave()
	if err := t.inner.Unbind(protocol); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case protocol == transport.AnyProtocol:
		t.all = false
	case protocol > 0 && protocol < 256:
		t.bits[protocol>>6] &^= 1 << (protocol & 63)
	}
	for _, q := range t.queues {
		q.discard()
	}
	return nil
}

// bound reports whether the protocol of a packet is wanted, or may be: that of
// an IPv6 fragment can lie behind another extension header.
func (t *Transport) bound(p *transport.Packet) bool {
	protocol := p.Protocol()
	return t.all || t.bits[protocol>>6]>>(protocol&63)&1 != 0 ||
		p.Fragment() && p.Is6() && wire.IsExtension(protocol) && t.bits != [4]uint64{}
}

// enter begins a call that Close waits for.
func (t *Transport) enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return net.ErrClosed
	}
	t.calls++
	return nil
}

// leave ends it.
func (t *Transport) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done()
}

// done is leave with the lock held.
func (t *Transport) done() {
	if t.calls--; t.calls == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// Close implements [transport.Transport]. What was committed and is still under
// way is sent at once, in the order in which it would have been; what is on its
// way in is dropped.
func (t *Transport) Close() error {
	t.close.Do(func() {
		if t.timer != nil {
			t.timer.Stop()
		}
		t.mu.Lock()
		t.closed = true
		idle := make(chan struct{})
		if t.calls > 0 {
			t.idle = idle
		} else {
			close(idle)
		}
		t.mu.Unlock()
		for _, q := range t.queues {
			q.inner.Wake()
		}
		<-idle
		t.drain()
		t.err = t.inner.Close()
	})
	return t.err
}

// drain empties the pipes. No call is in flight.
func (t *Transport) drain() {
	t.mu.Lock()
	for {
		if _, _, ok := t.out.Next(); !ok {
			break
		}
		t.out.Fire()
	}
	t.in.Clear()
	for _, q := range t.queues {
		q.settle()
		for q.ready.Len() > 0 {
			q.discardFirst(transport.Closed)
		}
	}
	t.mu.Unlock()
	for _, q := range t.queues {
		q.transmit()
		t.mu.Lock()
		t.stats.Unsent += uint64(q.backlog.Len())
		for q.backlog.Len() > 0 {
			t.memory.put(q.backlog.At(0).data)
			q.backlog.Drop()
		}
		t.mu.Unlock()
	}
}
