// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Allow lets packets of the given protocols through and drops all others, as
// many firewalls do. The protocol of an IPv6 packet is what follows its
// extension headers.
type Allow struct {
	Protocols []uint8
}

// String implements [Stage].
func (a Allow) String() string {
	words := make([]string, len(a.Protocols))
	for i, p := range a.Protocols {
		words[i] = strconv.Itoa(int(p))
	}
	return "allow " + strings.Join(words, ",")
}

func (a Allow) check() string {
	if len(a.Protocols) == 0 {
		return "names no protocol"
	}
	return ""
}

func (a Allow) compile(*compiler) runner {
	r := &allow{}
	for _, p := range a.Protocols {
		r.allowed[p] = true
	}
	return r
}

type allow struct {
	untimed
	allowed [256]bool
}

func (a *allow) pass(u *unit, c *core) verdict {
	var h header
	if !h.parse(u.data) || !a.allowed[h.protocol] {
		return c.drop(Filtered)
	}
	return goOn
}

// DropFragments drops fragments, as firewalls do that want to see ports.
type DropFragments struct{}

// String implements [Stage].
func (DropFragments) String() string { return "dropfragments" }

func (DropFragments) check() string            { return "" }
func (DropFragments) compile(*compiler) runner { return &dropFragments{} }

type dropFragments struct{ untimed }

func (*dropFragments) pass(u *unit, c *core) verdict {
	var h header
	if h.parse(u.data) && h.fragment {
		return c.drop(Filtered)
	}
	return goOn
}

// Bleach clears bits of the TOS or traffic class: the two of ECN, the six of
// the DSCP, or both.
type Bleach struct {
	ECN, DSCP bool
}

// String implements [Stage].
func (b Bleach) String() string {
	switch {
	case b.ECN && b.DSCP:
		return "bleach tos"
	case b.DSCP:
		return "bleach dscp"
	}
	return "bleach ecn"
}

func (b Bleach) check() string {
	if !b.ECN && !b.DSCP {
		return "clears nothing"
	}
	return ""
}

func (b Bleach) compile(*compiler) runner {
	r := &bleach{mask: 0xff}
	if b.ECN {
		r.mask &^= 0x03
	}
	if b.DSCP {
		r.mask &^= 0xfc
	}
	return r
}

type bleach struct {
	untimed
	mask uint8
}

func (b *bleach) pass(u *unit, c *core) verdict {
	if old, ok := tos(u.data); ok && old&^b.mask != 0 {
		c.writable(u)
		setTOS(u.data, old&b.mask)
	}
	return goOn
}

// ClearDF clears the don't-fragment flag of IPv4 packets, as a tunnel may do
// that would rather fragment.
type ClearDF struct{}

// String implements [Stage].
func (ClearDF) String() string { return "cleardf" }

func (ClearDF) check() string            { return "" }
func (ClearDF) compile(*compiler) runner { return &clearDF{} }

type clearDF struct{ untimed }

func (*clearDF) pass(u *unit, c *core) verdict {
	if len(u.data) >= 20 && u.data[0]>>4 == 4 && u.data[6]&0x40 != 0 {
		c.writable(u)
		setWord(u.data, 6, binary.BigEndian.Uint16(u.data[6:])&^0x4000)
	}
	return goOn
}

// TTL is hops on the way: it lowers the TTL or hop limit by Hops, and drops the
// packet, without an ICMP error, where no more than Hops are left; or sets it
// to Set, as middleboxes do that hide themselves.
type TTL struct {
	Hops uint8
	Set  uint8
}

// String implements [Stage].
func (t TTL) String() string {
	if t.Set != 0 {
		return fmt.Sprintf("ttl set %d", t.Set)
	}
	return fmt.Sprintf("ttl hops %d", t.Hops)
}

func (t TTL) check() string {
	if (t.Hops == 0) == (t.Set == 0) {
		return "needs either \"hops\" or \"set\", of 1 to 255"
	}
	return ""
}

func (t TTL) compile(*compiler) runner { return &ttl{TTL: t} }

type ttl struct {
	untimed
	TTL
}

func (t *ttl) pass(u *unit, c *core) verdict {
	b, at := u.data, 8
	switch {
	case len(b) >= 40 && b[0]>>4 == 6:
		at = 7
	case len(b) < 20 || b[0]>>4 != 4:
		return goOn
	}
	left := t.Set
	if t.Set == 0 {
		if b[at] <= t.Hops {
			return c.drop(Filtered)
		}
		left = b[at] - t.Hops
	}
	c.writable(u)
	if b = u.data; at == 7 {
		b[7] = left
	} else {
		setWord(b, 8, uint16(left)<<8|uint16(b[9]))
	}
	return goOn
}

// tos returns the TOS or traffic class.
func tos(b []byte) (tos uint8, ok bool) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		return b[1], true
	case len(b) >= 40 && b[0]>>4 == 6:
		return b[0]<<4 | b[1]>>4, true
	}
	return 0, false
}

// setTOS sets the TOS or traffic class of a packet that has one.
func setTOS(b []byte, tos uint8) {
	if b[0]>>4 == 4 {
		setWord(b, 0, uint16(b[0])<<8|uint16(tos))
		return
	}
	b[0] = b[0]&0xf0 | tos>>4
	b[1] = b[1]&0x0f | tos<<4
}

const ecnCE = 3 // congestion experienced (RFC 3168)

// ecn returns the two bits of ECN; 0 if the transport is not capable of it.
func ecn(b []byte) uint8 {
	t, _ := tos(b)
	return t & 3
}

func setECN(b []byte, v uint8) {
	t, _ := tos(b)
	setTOS(b, t&^3|v)
}
