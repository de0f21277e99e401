// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"context"
	"testing"

	"protean/transport/sim"
)

type quickRunner struct{ began chan struct{} }

func (q quickRunner) HandlePacket(*Env, *Packet) error { return nil }

func (q quickRunner) Run(ctx context.Context, _ *Binding) error {
	close(q.began)
	<-ctx.Done()
	return nil
}

// Run takes a list of what is registered and starts the Runners on it one
// after the other. A binding may be closed between the two, and its Close has
// found no Runner to end.
func TestRunStartsNoRunnerOfABindingClosedMeanwhile(t *testing.T) {
	n := sim.New(&sim.Config{Live: true})
	node, err := n.Node("a")
	if err != nil {
		t.Fatal(err)
	}
	tr, err := node.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	defer tr.Close()
	h, err := NewHost(tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	q := quickRunner{make(chan struct{})}
	b, err := h.Handle(253, q)
	if err != nil {
		t.Fatal(err)
	}
	r := new(run)
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	h.run = r // as if Run had got this far
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	h.startRunner(b)
	r.cancel(nil)
	r.wg.Wait()
	select {
	case <-q.began:
		t.Error("the Runner began after Close")
	default:
	}

	// The same without Close does start it, or the test would show nothing.
	q = quickRunner{make(chan struct{})}
	h.run = nil
	if b, err = h.Handle(253, q); err != nil {
		t.Fatal(err)
	}
	r = new(run)
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	h.run = r
	h.startRunner(b)
	<-q.began
	r.cancel(nil)
	r.wg.Wait()
	h.run = nil
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}
