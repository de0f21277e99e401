// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"protean/transport"
)

// Handle registers a handler for a protocol, exclusively. See HandleWith.
func (h *Host) Handle(protocol uint8, hd Handler) (*Binding, error) {
	return h.HandleWith(hd, &Options{Protocols: []uint8{protocol}})
}

// HandleWith registers a handler. It tells it of the interfaces and calls its
// Start, on the caller's goroutine, before any packet. Errors:
// ErrProtocolInUse, *transport.ProtocolError, *transport.UnsupportedError,
// *transport.PermissionError, ErrOnLoop inside a callback unless the host is
// driven by Poll, ErrStepped for a Runner if it is, and what Start returned.
func (h *Host) HandleWith(hd Handler, o *Options) (*Binding, error) {
	if !h.stepped() && onLoop() {
		return nil, ErrOnLoop // the transport may wait for the loop
	}
	b, err := h.newBinding(hd, o)
	if err != nil {
		return nil, err
	}
	// Whatever the table brings waits for Start.
	b.lock.lock()
	if err := h.register(b); err != nil {
		b.lock.unlock()
		return nil, err
	}
	ok := false
	defer func() {
		if !ok { // also when Start ended its goroutine
			b.close(false)
		}
	}()
	if err := b.start(); err != nil {
		return nil, err
	}
	ok = true
	b.started.Store(true)
	h.startRunner(b)
	return b, nil
}

func (h *Host) newBinding(hd Handler, o *Options) (*Binding, error) {
	if hd == nil {
		return nil, errors.New("proto: nil Handler")
	}
	if o == nil {
		o = &Options{}
	}
	if len(o.Protocols) == 0 && !o.AnyProtocol {
		return nil, errors.New("proto: no protocol to register for")
	}
	for _, p := range o.Protocols {
		if err := transport.CheckProtocol(int(p), false); err != nil {
			return nil, err
		}
	}
	b := &Binding{host: h, handler: hd, opts: *o, gone: make(chan struct{}), closing: make(chan struct{}), idle: make(chan struct{})}
	b.due.Store(never)
	b.opts.Interfaces = slices.Clone(o.Interfaces)
	b.opts.Protocols = slices.Clone(o.Protocols)
	b.protocols = b.opts.Protocols
	b.batchEnder, b.hasEnder = hd.(BatchEnder)
	b.linkHandler, _ = hd.(LinkHandler)
	b.errorHandler, _ = hd.(ErrorHandler)
	b.sentHandler, _ = hd.(SentHandler)
	b.pathHandler, _ = hd.(PathMTUHandler)
	b.fragHandler, _ = hd.(FragmentHandler)
	b.runner, _ = hd.(Runner)
	_, b.concurrent = hd.(Concurrent)
	if b.runner != nil && (h.caps.Stepped || h.mode.Load() == modePoll) {
		return nil, fmt.Errorf("a Runner cannot run: %w", ErrStepped)
	}
	b.lock.init(&h.queues[0].place)
	b.envs = make([]Env, len(h.queues))
	for i, q := range h.queues {
		b.envs[i] = Env{b: b, o: &q.out, queue: i}
	}
	b.doOut.init(h, &h.queues[0].tx)
	b.doEnv = &Env{b: b, o: &b.doOut}
	return b, nil
}

// register puts b into the table and has the transport deliver its protocols.
func (h *Host) register(b *Binding) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := *h.bindings.Load()
	for _, other := range all {
		if b.conflicts(other) {
			return ErrProtocolInUse
		}
	}
	if b.opts.Foreign {
		f, ok := transport.As[transport.ForeignReceiver](h.t)
		if !ok {
			return &transport.UnsupportedError{Transport: h.caps.Name, Feature: "receiving packets to foreign addresses"}
		}
		if err := f.ReceiveForeign(true); err != nil {
			return err
		}
		h.foreign.Store(true)
	}
	h.made++
	b.serial = uint32(h.made)
	b.rand = rand.New(rand.NewPCG(h.cfg.Seed, h.made))
	b.ids.Store(b.rand.Uint32())
	b.idKey = b.rand.Uint64()
	numbers := b.numbers()
	for i, p := range numbers {
		if err := h.bind(p); err != nil {
			for _, p := range numbers[:i] {
				h.unbind(p)
			}
			h.foreignOff(b)
			return err
		}
	}
	all = append(slices.Clone(all), b)
	h.publish(all)
	return nil
}

// numbers are the transport binds that b needs.
func (b *Binding) numbers() (n []int) {
	if b.opts.AnyProtocol && (b.host.caps.Foreign || !b.opts.Last) {
		return []int{transport.AnyProtocol}
	}
	for _, p := range b.protocols {
		n = append(n, int(p))
	}
	return n
}

func (h *Host) bind(p int) error {
	if h.bound[p] == 0 && !h.caps.SendOnly {
		if err := h.t.Bind(p); err != nil {
			return err
		}
	}
	h.bound[p]++
	return nil
}

func (h *Host) unbind(p int) {
	if h.bound[p]--; h.bound[p] == 0 && !h.caps.SendOnly {
		delete(h.bound, p)
		if err := h.t.Unbind(p); err != nil && !isClosed(err) {
			h.cfg.Log.Warn("proto: unbind", "protocol", p, "error", err)
		}
	}
}

// publish makes all the registered bindings, with h.mu held.
func (h *Host) publish(all []*Binding) {
	h.bindings.Store(&all)
	for p := range h.table {
		h.table[p].Store(buildChain(p, all, slices.Contains(h.taps, p)))
	}
}

func (b *Binding) wants(protocol int) bool {
	return b.opts.AnyProtocol || slices.Contains(b.protocols, uint8(protocol))
}

// conflicts reports whether b and other cannot both be registered.
func (b *Binding) conflicts(other *Binding) bool {
	if !(b.takes(false) && other.takes(false)) && !(b.takes(true) && other.takes(true)) {
		return false
	}
	if b.opts.Observe || other.opts.Observe || b.opts.Last || other.opts.Last {
		return false
	}
	if b.opts.Shared && other.opts.Shared && !b.shadows(other) {
		return false
	}
	if b.opts.AnyProtocol || other.opts.AnyProtocol {
		return true
	}
	return slices.ContainsFunc(b.protocols, func(p uint8) bool { return other.wants(int(p)) })
}

// shadows reports whether b and other are Conns of which one would get
// nothing.
func (b *Binding) shadows(other *Binding) bool {
	switch {
	case b.conn == connListen:
		return other.conn == connListen && b.peer == other.peer
	case b.conn == connDial:
		return other.conn == connDial && b.peer == other.peer
	}
	return false
}
