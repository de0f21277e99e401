// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"slices"

	"protean/transport"
	"protean/transport/internal/fifo"
)

// asking is a neighbour that a kernel asks for, and the packets that wait for
// it.
type asking struct {
	node  *Node
	out   *direction
	label label
	src   source // when it ends
	wait  fifo.Queue[waiting]
}

// A waiting is a packet to a neighbour that is asked for.
type waiting struct {
	buf   []byte
	label label
}

// maxWaiting is the number of packets that wait for a neighbour; the oldest
// goes first (net.ipv4.neigh.default.unres_qlen).
const maxWaiting = 101

// ask has a packet wait for a neighbour that is not there.
func (nd *Node) ask(buf []byte, out *direction, l *label) {
	k := nd.kernel
	i := slices.IndexFunc(k.asking, func(a *asking) bool {
		return a.out == out && a.label.hop == l.hop && a.label.v6 == l.v6
	})
	if i < 0 {
		if k.cfg.AskFor < 0 {
			nd.unreachable(buf, out)
			return
		}
		a := &asking{node: nd, out: out, label: *l}
		a.src = source{kind: sourceAsking, asking: a}
		k.asking = append(k.asking, a)
		i = len(k.asking) - 1
		nd.net.schedule(&a.src, addTime(nd.net.clock(), int64(k.cfg.AskFor)))
	}
	a := k.asking[i]
	if a.wait.Len() == maxWaiting {
		old := *a.wait.At(0)
		a.wait.Drop()
		nd.lose(old.buf, out)
	}
	a.wait.Push(waiting{buf, *l})
}

// end is the end of asking: the packets go out if the neighbour has come, and
// are given up if not.
func (a *asking) end() {
	nd := a.node
	k := nd.kernel
	k.asking = slices.DeleteFunc(k.asking, func(o *asking) bool { return o == a })
	p := a.out.from
	for a.wait.Len() > 0 {
		w := *a.wait.At(0)
		a.wait.Drop()
		switch {
		case p.out != a.out: // it was disconnected meanwhile
			nd.lose(w.buf, a.out)
		case p.reachable(&w.label):
			nd.hand(w.buf, a.out, &w.label)
		default:
			nd.unreachable(w.buf, a.out)
		}
	}
}

// giveUp loses the packets that wait, in silence.
func (a *asking) giveUp(k *kernel) {
	k.asking = slices.DeleteFunc(k.asking, func(o *asking) bool { return o == a })
	a.node.net.heap.remove(&a.src)
	for a.wait.Len() > 0 {
		a.node.lose(a.wait.At(0).buf, a.out)
		a.wait.Drop()
	}
}

// lose drops a packet that was to leave by out.
func (nd *Node) lose(buf []byte, out *direction) {
	nd.stats.Dropped[transport.NoRoute]++
	nd.traceOut(NoNeighbor, out, buf)
	nd.net.bufs.put(buf)
}

// unreachable gives up a packet whose neighbour does not answer.
func (nd *Node) unreachable(buf []byte, out *direction) {
	nd.complain(noNeighbor, nil, buf, 0)
	nd.lose(buf, out)
}
