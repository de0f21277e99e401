// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import "fmt"

// Loss loses each packet with probability P, whatever became of the others
// (Bernoulli).
type Loss struct {
	P float64
}

// String implements [Stage].
func (l Loss) String() string { return "loss " + percent(l.P) }

func (l Loss) check() string { return checkChance("the probability", l.P) }

func (l Loss) compile(c *compiler) runner { return &loss{fault: c.fault(KindLoss), p: l.P} }

type loss struct {
	untimed
	fault
	p float64
}

func (l *loss) pass(u *unit, c *core) verdict {
	if l.of(u).chance(l.p, u.number, 0) && c.strikes(&l.fault, u, 0, nil) {
		return c.drop(Lost)
	}
	return goOn
}

// GEModel loses packets in bursts: the model of Gilbert and Elliott, with the
// parameters of gemodel in tc-netem(8). The link is good or bad. Before each
// packet but the first it goes from good to bad with probability P, and from
// bad to good with probability R. While it is good, a packet is lost with
// probability LossGood (1-k), while it is bad with LossBad (1-h). It begins
// good.
//
// In the long run the link is bad for P/(P+R) of the packets. With R = 1-P,
// LossBad = 1 and LossGood = 0 this is [Loss].
type GEModel struct {
	P, R     float64
	LossBad  float64 // 1-h
	LossGood float64 // 1-k
}

// String implements [Stage].
func (g GEModel) String() string {
	return fmt.Sprintf("gemodel %s %s %s %s", percent(g.P), percent(g.R), percent(g.LossBad), percent(g.LossGood))
}

func (g GEModel) check() string {
	return first(checkChance("p", g.P), checkChance("r", g.R), checkChance("1-h", g.LossBad), checkChance("1-k", g.LossGood))
}

func (g GEModel) compile(c *compiler) runner {
	r := &geRunner{fault: c.fault(KindGEModel), bit: len(c.chains)}
	c.chains = append(c.chains, chain{model: g, random: r.random})
	return r
}

type geRunner struct {
	untimed
	fault
	bit int
}

func (g *geRunner) pass(u *unit, c *core) verdict {
	if u.struck>>g.bit&1 != 0 && c.strikes(&g.fault, u, 0, nil) {
		return c.drop(Lost)
	}
	return goOn
}

// A chain is the state of a GEModel. It moves with the numbers of the packets,
// not with those that get as far as the stage, so that it does not depend on
// what other faults do; a copy has the fate of its original.
type chain struct {
	model  GEModel
	random stream
	begun  bool
	next   uint64 // the number of the packet it is ready for
	bad    bool
}

// strikes reports whether a packet is lost. Numbers only grow.
func (m *chain) strikes(number uint64) bool {
	if !m.begun {
		m.begun, m.next = true, number
	}
	for ; m.next < number; m.next++ {
		m.move(m.next + 1)
	}
	p := m.model.LossGood
	if m.bad {
		p = m.model.LossBad
	}
	return m.random.chance(p, number, 1)
}

// move makes the chain ready for a packet.
func (m *chain) move(number uint64) {
	p := m.model.P
	if m.bad {
		p = m.model.R
	}
	if m.random.chance(p, number, 0) {
		m.bad = !m.bad
	}
}
