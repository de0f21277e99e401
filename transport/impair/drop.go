// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"fmt"
	"slices"
	"strings"
)

// Drop loses chosen packets: those that satisfy all of the conditions that are
// set.
type Drop struct {
	// Packets are the numbers of packets, counted from 0 per direction, in
	// order.
	Packets []Range

	// Every loses, of so many packets one after the other, the first Burst,
	// beginning with number From. Zero Burst means one.
	Every, Burst, From uint64

	// Match looks at the packet.
	Match Predicate

	// Most, if set, is how many packets are lost at all.
	Most uint64
}

// A Range is the packets with the numbers First to Last.
type Range struct {
	First, Last uint64
}

// A Predicate is a condition on the bytes of a packet, from its IP header on,
// which it must neither change nor keep. It has a name, since a pipeline has a
// text: the name of one that is not [Protocol], [Larger], [V4] or [V6] means
// something only to the program that made it, which passes it to [Parse].
type Predicate struct {
	Name  string
	Match func(packet []byte) bool
}

// Protocol holds for packets of an IP protocol; that of an IPv6 packet is what
// follows its extension headers.
func Protocol(p uint8) Predicate {
	return Predicate{fmt.Sprintf("proto %d", p), func(b []byte) bool {
		var h header
		return h.parse(b) && h.protocol == p
	}}
}

// Larger holds for packets of more than n bytes, from the IP header on.
func Larger(n int) Predicate {
	return Predicate{fmt.Sprintf("larger %d", n), func(b []byte) bool { return len(b) > n }}
}

// V4 holds for IPv4 packets.
func V4() Predicate {
	return Predicate{"v4", func(b []byte) bool { return len(b) > 0 && b[0]>>4 == 4 }}
}

// V6 holds for IPv6 packets.
func V6() Predicate {
	return Predicate{"v6", func(b []byte) bool { return len(b) > 0 && b[0]>>4 == 6 }}
}

// String implements [Stage].
func (d Drop) String() string {
	var b strings.Builder
	b.WriteString("drop")
	for i, r := range d.Packets {
		b.WriteByte(" ,"[min(i, 1)])
		fmt.Fprint(&b, r.First)
		if r.Last != r.First {
			fmt.Fprintf(&b, "-%d", r.Last)
		}
	}
	for _, o := range []struct {
		name string
		n    uint64
	}{{"every", d.Every}, {"burst", d.Burst}, {"from", d.From}, {"most", d.Most}} {
		if o.n != 0 {
			fmt.Fprintf(&b, " %s %d", o.name, o.n)
		}
	}
	if d.Match.Match != nil {
		b.WriteString(" if " + d.Match.Name)
	}
	return b.String()
}

func (d Drop) check() string {
	switch {
	case len(d.Packets) == 0 && d.Every == 0 && d.Match.Match == nil && d.Most == 0:
		return "chooses no packets"
	case d.Every == 0 && (d.Burst != 0 || d.From != 0):
		return "has \"burst\" or \"from\" without \"every\""
	case d.Burst > d.Every:
		return "the burst is longer than the period"
	case d.Match.Match != nil && !isName(d.Match.Name):
		return "the predicate's name is not a word of letters and digits, or one of those of this package"
	}
	for i, r := range d.Packets {
		if r.First > r.Last || i > 0 && r.First <= d.Packets[i-1].Last {
			return "the packets are not in order"
		}
	}
	return ""
}

func (d Drop) compile(c *compiler) runner {
	d.Packets = slices.Clone(d.Packets)
	d.Burst = max(1, d.Burst)
	return &drop{fault: c.fault(KindDrop), Drop: d}
}

type drop struct {
	fault
	Drop
	dropped uint64
}

// timed: which packets are the first to match depends on their order.
func (d *drop) timed() bool { return d.Most != 0 }
func (d *drop) reset()      {}

func (d *drop) pass(u *unit, c *core) verdict {
	if !d.chosen(u.number) || d.Match.Match != nil && !d.Match.Match(u.data) || d.Most != 0 && d.dropped >= d.Most {
		return goOn
	}
	d.dropped++
	if !c.strikes(&d.fault, u, 0, nil) {
		return goOn
	}
	return c.drop(Lost)
}

// chosen reports whether a packet is chosen by its number.
func (d *drop) chosen(number uint64) bool {
	if d.Every != 0 && (number < d.From || (number-d.From)%d.Every >= d.Burst) {
		return false
	}
	if len(d.Packets) == 0 {
		return true
	}
	_, found := slices.BinarySearchFunc(d.Packets, number, func(r Range, n uint64) int {
		switch {
		case r.Last < n:
			return -1
		case r.First > n:
			return 1
		}
		return 0
	})
	return found
}
