// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import "fmt"

// A Link is what the two directions of a link have in common.
type Link struct {
	Name string // selects the random numbers, with Seed and the direction; in the ID of every fault
	Seed uint64
	Hook
}

// A Program is a pipeline made ready to run in a [Pipe]. It holds the state of
// its stages, and so belongs to one pipe.
type Program struct {
	stages []runner
	chains []chain
	core   core
}

// Compile makes the programs of the two directions of a link, which share what
// has to know both: a translator of addresses and its way back. Errors: a
// *[StageError].
func (l *Link) Compile(forth, back Pipeline) (f, b *Program, err error) {
	c := [2]compiler{{link: l}, {link: l, back: true}}
	for i, p := range []Pipeline{forth, back} {
		if err := c[i].compile(p); err != nil {
			return nil, nil, err
		}
	}
	for i := range c {
		if err := c[i].pair(&c[1-i]); err != nil {
			return nil, nil, err
		}
	}
	return c[0].program(), c[1].program(), nil
}

// A StageError says which stage of a pipeline is wrong.
type StageError struct {
	Back   bool   // the pipeline of the second direction
	Number int    // of the stage, counted from 1
	Stage  string // its text
	Reason string // a clause: "P is not in 0 to 1"
}

func (e *StageError) Error() string {
	direction := ""
	if e.Back {
		direction = " of the way back"
	}
	return fmt.Sprintf("stage %d%s, %q: %s", e.Number, direction, e.Stage, e.Reason)
}

// A compiler makes the program of one direction.
type compiler struct {
	link   *Link
	back   bool
	count  [numKinds]int // stages so far
	stages []runner
	chains []chain

	translators []*translator
	returns     []*translateBack
	last        []int // the places of returns in the pipeline
	p           Pipeline
}

// Limits of a pipeline.
const (
	maxStages     = 64
	maxDuplicates = 4 // stages that duplicate: each doubles what a packet can become
)

func (c *compiler) compile(p Pipeline) error {
	c.p = p
	for i, s := range p {
		reason := ""
		switch {
		case s == nil:
			return &StageError{c.back, i + 1, "", "is nil"}
		case i >= maxStages:
			reason = fmt.Sprintf("is one too many: there may be %d", maxStages)
		default:
			reason = s.check()
		}
		if _, ok := s.(Duplicate); ok && reason == "" && c.count[KindDuplicate] == maxDuplicates {
			reason = fmt.Sprintf("is one too many of its kind: there may be %d", maxDuplicates)
		}
		if reason != "" {
			return &StageError{c.back, i + 1, s.String(), reason}
		}
		r := s.compile(c)
		if b, ok := r.(*translateBack); ok {
			c.returns = append(c.returns, b)
			c.last = append(c.last, i)
		}
		c.stages = append(c.stages, r)
	}
	return nil
}

// pair connects the translators of c with their ways back in o.
func (c *compiler) pair(o *compiler) error {
	for i, r := range o.returns {
		if i >= len(c.translators) {
			n := o.last[i]
			return &StageError{o.back, n + 1, o.p[n].String(), "undoes nothing: the other direction has no translator for it"}
		}
		r.t = c.translators[i]
	}
	if n := len(o.returns); n < len(c.translators) {
		place := c.translators[n].place
		return &StageError{c.back, place + 1, c.p[place].String(), "has no way back: the other direction needs a \"denat\" for it"}
	}
	return nil
}

// fault returns the base of a stage that faults come from.
func (c *compiler) fault(k Kind) fault {
	n := c.count[k]
	c.count[k]++
	base := newStream(c.link.Seed, c.link.Name, c.back)
	return fault{kind: k, stage: uint8(n), random: base.derive(uint64(k)<<8 | uint64(n))}
}

func (c *compiler) program() *Program {
	return &Program{
		stages: c.stages, chains: c.chains,
		core: core{link: c.link.Name, back: c.back, hook: c.link.Hook, hooked: c.link.Hook.On()},
	}
}

// A fault is the base of a stage that faults come from.
type fault struct {
	kind   Kind
	stage  uint8
	random stream
}

// of returns the random numbers for a packet: its copies have others.
func (f *fault) of(u *unit) stream {
	if u.copies == 0 {
		return f.random
	}
	return f.random.derive(uint64(u.copies))
}
