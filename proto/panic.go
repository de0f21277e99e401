// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import "runtime/debug"

// panicked reports a panic of b's handler.
func (b *Binding) panicked(v any, stack, packet []byte) {
	b.stats.panics.Add(1)
	b.host.cfg.Log.Error("proto: handler panicked", "protocols", b.protocols, "panic", v, "packet", packet, "stack", string(stack))
	if f := b.host.cfg.OnPanic; f != nil {
		f(&Panic{Binding: b, Value: v, Stack: stack, Packet: packet})
	}
	if b.host.cfg.CrashOnPanic {
		panic(v)
	}
}

// contain is deferred around callbacks without a packet.
func (b *Binding) contain(o *outbox) {
	if v := recover(); v != nil {
		o.abandon()
		b.panicked(v, debug.Stack(), nil)
	}
}

// failed reports an error of a callback that is not about a packet received.
func (b *Binding) failed(callback string, err error) {
	b.stats.errors.Add(1)
	b.host.cfg.Log.Warn("proto: handler failed", "protocols", b.protocols, "callback", callback, "error", err)
}
