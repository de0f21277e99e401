// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package plpmtud

import "time"

// A State is a phase of the search, RFC 8899 section 5.2.
type State uint8

// The states.
const (
	Base      State = iota // BASE: whether the path carries Config.Base
	Searching              // SEARCHING: for the largest size
	Complete               // SEARCH_COMPLETE: found, until it is time to look again
	Error                  // ERROR: not even Config.Base is carried
)

var stateNames = [...]string{"base", "searching", "complete", "error"}

// String returns the state in words.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown state"
}

// A Prober searches for the largest size that a path carries. Make one with New.
type Prober struct {
	c     Config
	state State
	mtu   int       // in use: it was carried, or is assumed to be
	fail  int       // the least size that is known not to be carried, or Max+1
	hint  int       // what a router said, to be tried first; 0: nothing
	size  int       // of the probe under way; 0: there is none
	tries int       // how often it was sent
	at    time.Time // when there is something to do
	raise time.Time // when a larger size is looked for, in Complete
}

// New returns a Prober that starts at now. The error says which field of c makes
// no sense.
func New(c Config, now time.Time) (*Prober, error) {
	if err := c.defaults(); err != nil {
		return nil, err
	}
	p := &Prober{c: c}
	p.restart(now)
	return p, nil
}

// MTU returns the largest size that packets should have now.
func (p *Prober) MTU() int { return p.mtu }

// State returns the phase of the search.
func (p *Prober) State() State { return p.state }

// Next returns when to call Probe.
func (p *Prober) Next() time.Time { return p.at }

// restart begins with Base.
func (p *Prober) restart(now time.Time) {
	p.state, p.mtu, p.fail, p.hint = Base, p.c.Base, p.c.Max+1, 0
	p.idle(now)
}

// idle ends the probe under way, with something else to do at a time.
func (p *Prober) idle(at time.Time) { p.size, p.tries, p.at = 0, 0, at }

// Probe returns the size of a probe to send now, if there is one to be sent. A
// probe that is not acknowledged in time is sent again, and then given up; that
// can lower MTU.
func (p *Prober) Probe(now time.Time) (size int, ok bool) {
	if now.Before(p.at) {
		return 0, false
	}
	if p.size != 0 && p.tries >= p.c.MaxProbes {
		p.lost(now)
	}
	if p.state == Complete && p.size == 0 {
		if !now.Before(p.raise) {
			p.state, p.fail, p.hint = Searching, p.c.Max+1, 0
		} else if p.c.Confirm == 0 || now.Before(p.at) {
			return 0, false
		}
	}
	if now.Before(p.at) {
		return 0, false
	}
	if p.size == 0 {
		if p.size = p.candidate(); p.size == 0 {
			p.complete(now)
			return 0, false
		}
	}
	p.tries++
	p.at = now.Add(p.c.ProbeTimeout)
	return p.size, true
}

// candidate is the size to probe next, 0 if the search is over.
func (p *Prober) candidate() int {
	switch p.state {
	case Base, Error:
		return p.c.Base
	case Complete:
		return p.mtu
	}
	switch {
	case p.mtu >= p.c.Max || p.fail-p.mtu <= 1:
		return 0
	case p.hint > p.mtu && p.hint < p.fail:
		return p.hint
	case p.fail > p.c.Max:
		return p.c.Max // most paths carry what the first link does
	case p.fail-p.mtu <= p.c.Step:
		return 0
	}
	return p.mtu + (p.fail-p.mtu)/2
}

// lost draws the consequences of a size that is not carried.
func (p *Prober) lost(now time.Time) {
	switch p.state {
	case Base:
		p.state, p.mtu = Error, p.c.Min
	case Searching:
		p.fail = p.size
	case Complete:
		p.restart(now)
		return
	}
	p.idle(now)
}

func (p *Prober) complete(now time.Time) {
	p.state = Complete
	p.raise = now.Add(p.c.RaiseTimeout)
	at := p.raise
	if p.c.Confirm != 0 {
		at = now.Add(p.c.Confirm)
	}
	p.idle(at)
}

// Acked tells that a probe of this size has arrived.
func (p *Prober) Acked(size int, now time.Time) {
	switch {
	case size > p.c.Max || size < p.c.Base:
		return
	case p.state == Complete && size <= p.mtu:
		if size == p.size { // confirmed
			p.idle(earlier(p.raise, now.Add(p.c.Confirm)))
		}
		return
	case p.state != Base && p.state != Error && size <= p.mtu:
		return // old news
	}
	// Also when it comes so late that the size was given up.
	p.state, p.mtu = Searching, size
	if p.fail <= size {
		p.fail = p.c.Max + 1
	}
	if p.candidate() == 0 {
		p.complete(now)
		return
	}
	p.idle(now)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// TooBig tells that a router says that a link carries mtu bytes, about a packet
// that was really sent: RFC 8899 section 4.6. It saves probes, and is not needed.
func (p *Prober) TooBig(mtu int, now time.Time) {
	switch {
	case mtu < p.c.Min || mtu >= p.c.Max || mtu+1 >= p.fail:
	case mtu < p.c.Base:
		p.state, p.mtu, p.fail = Error, max(mtu, p.c.Min), mtu+1
		p.idle(now.Add(p.c.ProbeTimeout))
	case mtu < p.mtu: // it was carried, but is no more
		p.restart(now)
		p.fail, p.hint = mtu+1, mtu
	default:
		p.fail, p.hint = mtu+1, mtu
		if p.state == Searching && p.size > mtu {
			p.idle(now)
		}
	}
}

// BlackHole tells that packets of the size in use do not arrive any more,
// several in a row while smaller ones do: RFC 8899 section 4.3.
func (p *Prober) BlackHole(now time.Time) {
	if p.mtu > p.c.Base {
		p.restart(now)
	}
}

// unsent takes back the latest probe, which could not be sent.
func (p *Prober) unsent(retry time.Time) {
	if p.tries > 0 {
		p.tries--
	}
	p.at = retry
}
