// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi

import "protean/transport"

// join finds out what the members can do together, and whether they can be
// together at all. What not all of them do is left to the user: it does no harm
// where it is not needed.
func (t *Transport) join() error {
	first := t.members[0].caps
	c := &t.caps
	*c = first
	c.Name = name
	c.Known4, c.Known6 = transport.FieldsAll4, transport.FieldsAll6
	for _, m := range t.members {
		switch {
		case m.caps.Stepped != c.Stepped:
			return unsupported("stepped transports beside others")
		case m.caps.SendOnly != c.SendOnly:
			return unsupported("transports that only send beside others")
		}
		c.Batch = min(c.Batch, m.caps.Batch)
		c.MaxPacket = min(c.MaxPacket, m.caps.MaxPacket) // for which there is room in every slot
		c.V4, c.V6 = c.V4 || m.caps.V4, c.V6 || m.caps.V6
		c.Fragments = c.Fragments && m.caps.Fragments
		c.Reassembles = c.Reassembles && m.caps.Reassembles
		c.BuildsHeader = c.BuildsHeader || m.caps.BuildsHeader
		c.Foreign = c.Foreign && m.caps.Foreign
		c.QuotesErrors = c.QuotesErrors && m.caps.QuotesErrors
		if m.caps.TxTime != c.TxTime {
			c.TxTime = transport.TimeNone // not of all packets
		}
		if m.caps.V4 {
			c.Known4 &= m.caps.Known4
		}
		if m.caps.V6 {
			c.Known6 &= m.caps.Known6
		}
	}
	if !c.V4 {
		c.Known4 = 0
	}
	if !c.V6 {
		c.Known6 = 0
	}
	return t.findAbilities()
}
