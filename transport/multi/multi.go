// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"protean/transport"
)

const name = "multi"

// A Transport is several transports.
type Transport struct {
	members   []*member
	queues    []transport.Queue
	caps      transport.Caps
	abilities transport.Transport // see Unwrap
	table     atomic.Pointer[table]
	looking   sync.Mutex // held while the table is made

	bindMu sync.Mutex
	bound  map[int]bool // protocols, at all members
}

// A member is one of the transports.
type member struct {
	t      *Transport
	number int
	inner  transport.Transport
	caps   transport.Caps
	queues []*queue
	shift  int32 // of its interfaces' indices
}

// New joins transports, in whose order sending prefers them. From then on they
// belong to the result, which closes them. Without a result they still belong to
// the caller. Errors: *[transport.UnsupportedError] if some are driven step by step
// or send only and others are not, or are stepped by clocks that are not the same.
func New(members ...transport.Transport) (*Transport, error) {
	switch {
	case len(members) == 0:
		return nil, unsupported("no member at all")
	case len(members) > maxMembers:
		return nil, unsupported("so many members")
	}
	t := &Transport{bound: map[int]bool{}}
	for i, inner := range members {
		t.members = append(t.members, &member{t: t, number: i, inner: inner, caps: inner.Caps()})
	}
	if err := t.join(); err != nil {
		return nil, err
	}
	for _, m := range t.members {
		m.place()
		for _, q := range m.inner.Queues() {
			mine := &queue{m: m, q: q}
			mine.sink.m = m
			m.queues = append(m.queues, mine)
			t.queues = append(t.queues, mine)
		}
	}
	t.look()
	return t, nil
}

// Queues implements [transport.Transport].
func (t *Transport) Queues() []transport.Queue { return slices.Clone(t.queues) }

// Caps implements [transport.Transport].
func (t *Transport) Caps() transport.Caps { return t.caps }

// Bind implements [transport.Transport]. If one member fails, none has bound the
// protocol anew.
func (t *Transport) Bind(protocol int) error {
	t.bindMu.Lock()
	defer t.bindMu.Unlock()
	for i, m := range t.members {
		if err := m.inner.Bind(protocol); err != nil {
			if !t.bound[protocol] {
				for _, done := range t.members[:i] {
					done.inner.Unbind(protocol)
				}
			}
			return err
		}
	}
	t.bound[protocol] = true
	return nil
}

// Unbind implements [transport.Transport].
func (t *Transport) Unbind(protocol int) error {
	t.bindMu.Lock()
	defer t.bindMu.Unlock()
	delete(t.bound, protocol)
	return t.all(func(m *member) error { return m.inner.Unbind(protocol) })
}

// Close implements [transport.Transport]: it closes the members, the last one
// first.
func (t *Transport) Close() error {
	var errs []error
	for _, m := range slices.Backward(t.members) {
		errs = append(errs, m.inner.Close())
	}
	return errors.Join(errs...)
}

// all calls f for every member, and returns the first error.
func (t *Transport) all(f func(*member) error) (first error) {
	for _, m := range t.members {
		if err := f(m); err != nil && first == nil {
			first = err
		}
	}
	return first
}

func unsupported(feature string) error {
	return &transport.UnsupportedError{Transport: name, Feature: feature}
}
