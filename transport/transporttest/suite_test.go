// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"testing"

	"protean/transport"
)

func TestMain(m *testing.M) { Main(m) }

func TestSuitePassesForACorrectTransport(t *testing.T) {
	Run(t, memConfig("", nil, nil))
}

func TestSuitePassesUnderPoison(t *testing.T) {
	Run(t, memConfig("", Poison, func(c *transport.Caps) { c.V4 = false }))
}

func TestSuitePassesForATransportThatOnlySends(t *testing.T) {
	Run(t, memConfig("", nil, func(c *transport.Caps) { c.SendOnly, c.V6 = true, false }))
}

func TestSuitePassesForATransportThatLeavesMuchToTheKernel(t *testing.T) {
	Run(t, memConfig("", nil, func(c *transport.Caps) {
		c.V6, c.Foreign, c.TxTime = false, false, transport.TimeNone
		c.BuildsHeader, c.Fragments, c.MaxPacket = true, true, 8000
	}))
}

func TestSuitePassesForATransportWithTwoQueues(t *testing.T) {
	Run(t, Config{Make: func(testing.TB) Pair {
		a, b := newPair("", nil)
		sender := newMem("", a.index)
		sender.peer = b
		b.caps.V4 = false // one family is enough
		return Pair{a.endpoint(&twoQueues{a, sender}), b.endpoint(b)}
	}})
}

// twoQueues sends through one mem and receives through another.
type twoQueues struct {
	*mem
	sender *mem
}

func (t *twoQueues) Queues() []transport.Queue { return []transport.Queue{t.sender, t.mem} }

func (t *twoQueues) Close() error {
	t.sender.Close()
	return t.mem.Close()
}

func (t *twoQueues) Stats() transport.Stats {
	s, sent := t.mem.Stats(), t.sender.Stats()
	s.Committed, s.Sent, s.SentBytes, s.Refused = sent.Committed, sent.Sent, sent.SentBytes, sent.Refused
	return s
}
