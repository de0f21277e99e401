// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import "protean/transport"

// A partial is a datagram of which some fragments are on their way, and the others wait
// for room in Conn.out. Begun anew when there is room, one of more fragments than there
// ever is room for at once would never get through. Conn.wmu guards it.
type partial struct {
	done bool
	err  error // what became of it
}

// push sends what is left of the datagram that waits, if any: it goes before all others,
// whoever of the writers comes first. The error is ErrNoSlots or nil.
func (c *Conn) push() error {
	p := c.part
	if p == nil {
		return nil
	}
	err := c.rest()
	if err == transport.ErrNoSlots {
		return err
	}
	p.done, p.err = true, err
	c.part = nil
	return nil
}

// rest sends what is staged, and the fragments that are still to be cut. Without room
// they stay; after any other error nothing does.
func (c *Conn) rest() error {
	o := &c.out
	for {
		if o.n > 0 {
			if _, err := o.flush(); err != nil {
				if err != transport.ErrNoSlots {
					o.unstage() // the rest is of no use
				}
				return err
			}
		}
		if o.left == 0 {
			o.giveBack()
			return nil
		}
		if err := o.cutOn(c.b); err == transport.ErrNoSlots && o.n == 0 {
			return err
		} else if err != nil && err != transport.ErrNoSlots {
			o.unstage()
			return err
		}
	}
}

// giveUp drops the rest of a datagram that its writer does not wait for any more.
func (c *Conn) giveUp(p *partial) {
	if p == nil {
		return
	}
	c.wmu.lockToSend()
	defer c.wmu.Unlock()
	if c.part == p {
		c.out.unstage()
		c.part = nil
	}
}
