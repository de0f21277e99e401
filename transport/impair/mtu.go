// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import "fmt"

// MTU drops packets that are larger than Bytes, without a word: a black hole.
// With Refuse, the sender is told by the error of Commit, and the interfaces
// and routes say so; that takes the stage to be in the outgoing pipeline of
// [New], or in the one of a link of package sim.
type MTU struct {
	Bytes  int
	Refuse bool
}

const minMTU = 68 // RFC 791

// String implements [Stage].
func (m MTU) String() string {
	s := fmt.Sprintf("mtu %d", m.Bytes)
	if m.Refuse {
		s += " refuse"
	}
	return s
}

func (m MTU) check() string {
	if m.Bytes < minMTU {
		return fmt.Sprintf("is less than %d", minMTU)
	}
	return ""
}

func (m MTU) compile(*compiler) runner { return &mtu{bytes: m.Bytes} }

type mtu struct {
	untimed
	bytes int
}

func (m *mtu) pass(u *unit, c *core) verdict {
	if len(u.data) > m.bytes {
		return c.drop(TooBig)
	}
	return goOn
}

// RefusedAbove returns the most bytes of a packet that no stage of type MTU
// with Refuse refuses, and whether there is such a stage.
func (p Pipeline) RefusedAbove() (bytes int, ok bool) {
	for _, s := range p {
		if m, is := s.(MTU); is && m.Refuse && (!ok || m.Bytes < bytes) {
			bytes, ok = m.Bytes, true
		}
	}
	return bytes, ok
}
