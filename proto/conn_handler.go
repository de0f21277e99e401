// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"syscall"

	"protean/transport"
)

// handleConn registers a Conn, beside others of the protocol.
func (h *Host) handleConn(protocol uint8, hdl Handler, c *Conn) error {
	kind := connListen
	if c.remote.IsValid() {
		kind = connDial
	}
	b, err := h.newBinding(hdl, &Options{Protocols: []uint8{protocol}, Shared: true})
	if err != nil {
		return err
	}
	b.conn = kind
	b.peer = connPeer{c.remote, c.cfg.Local, c.ifindex}
	c.b = b // before the first packet
	b.started.Store(true)
	return h.register(b)
}

// connHandler is a Conn as a Handler.
type connHandler Conn

// HandlePacket queues a packet for Read.
func (c *connHandler) HandlePacket(env *Env, p *Packet) error {
	if c.remote.IsValid() && (p.Src() != c.remote || c.ifindex != 0 && p.IfIndex != c.ifindex) {
		return Pass
	}
	if c.cfg.Local.IsValid() && p.Dst() != c.cfg.Local {
		return Pass
	}
	if !c.rq.put(p) {
		return transport.QueueFull
	}
	return nil
}

// Stop fails what waits, since the binding is being closed.
func (c *connHandler) Stop(*Env) { c.once.Do(func() { close(c.done) }) }

// dialHandler is a Conn made by Dial, which shows the errors of the network.
type dialHandler struct{ *connHandler }

// HandleError keeps an error for the next Read or Write.
func (d *dialHandler) HandleError(_ *Env, e *NetworkError) error {
	if e.Dst.IsValid() && e.Dst != d.remote {
		return nil // about another's packet
	}
	if e.Origin == transport.OriginLocal && e.Errno == syscall.EMSGSIZE {
		return nil // returned by Write itself; what waited for a neighbour, say, was not
	}
	own := *e
	own.Quoted = append([]byte(nil), e.Quoted...)
	d.netErr.Store(&own)
	d.rq.signal()
	return nil
}
