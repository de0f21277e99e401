// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

// A posted packet was committed to a handle in a bubble and waits for the loop
// to send it. Its way is known, and that it can go there; all that may depend
// on the packets of other handles is still to be done.
type posted struct {
	way     way
	buf     []byte
	v4      bool
	refused bool // larger than the MTU: to be counted only; buf is nil
	stamp   bool
	sent    sent
}

// enqueueOut takes a packet over from the caller of Commit.
func (t *Transport) enqueueOut(o posted, data []byte, whole bool) {
	if whole {
		o.buf = data
	} else {
		o.buf = t.net.bufs.get(len(data))
		copy(o.buf, data)
	}
	if o.stamp {
		t.stamps++
	}
	t.outbox.Push(o)
	t.touch()
}

// post sends a packet on behalf of the loop.
func (t *Transport) post(o *posted, now int64) {
	if o.refused {
		o.way.out.refuse(o.buf, now)
		t.net.bufs.put(o.buf)
		return
	}
	if o.v4 {
		t.node.complete(o.buf, int(o.buf[0]&15)*4, &o.way)
	}
	left, kept := o.way.out.send(o.buf, now, true, &o.way.label)
	if !kept {
		t.net.bufs.put(o.buf)
	}
	switch {
	case !o.stamp:
	case left < 0:
		t.stamps--
		t.relieve()
	default:
		t.stampAt(o.sent, left, now)
	}
}
