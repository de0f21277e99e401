// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"fmt"
	"slices"
)

// Corrupt flips Bits bits of a packet with probability P; zero means one.
//
// The bits lie in different columns of 16-bit words, counted from where the
// part that is struck begins, so every Internet checksum over that part catches
// them: the sum changes by a sum of distinct powers of two with signs, which is
// no multiple of 65535 for up to 15 of them.
type Corrupt struct {
	P    float64
	Bits int
	Part Part
}

const maxFlips = 15

// A Part is a part of an IP packet.
type Part uint8

// The parts. Extension headers belong to the header.
const (
	Payload  Part = iota // what follows the IP header; a packet without payload is spared
	Header               // the IP header
	Anywhere             // the whole packet
	numParts = iota
)

var partNames = [numParts]string{"payload", "header", "anywhere"}

// String returns the part's name.
func (p Part) String() string {
	if int(p) < len(partNames) {
		return partNames[p]
	}
	return fmt.Sprintf("part(%d)", uint8(p))
}

// String implements [Stage].
func (x Corrupt) String() string {
	s := "corrupt " + percent(x.P)
	if x.Bits != 0 {
		s += fmt.Sprintf(" bits %d", x.Bits)
	}
	if x.Part != Payload {
		s += " " + x.Part.String()
	}
	return s
}

func (x Corrupt) check() string {
	switch {
	case x.Bits < 0 || x.Bits > maxFlips:
		return fmt.Sprintf("the number of bits is not in 1 to %d", maxFlips)
	case x.Part >= numParts:
		return "there is no such part"
	}
	return checkChance("the probability", x.P)
}

func (x Corrupt) compile(c *compiler) runner {
	x.Bits = max(1, x.Bits)
	return &corrupt{fault: c.fault(KindCorrupt), Corrupt: x}
}

type corrupt struct {
	untimed
	fault
	Corrupt
}

func (x *corrupt) pass(u *unit, c *core) verdict {
	s := x.of(u)
	if !s.chance(x.P, u.number, 0) {
		return goOn
	}
	from, to := 0, len(u.data)
	if x.Part != Anywhere {
		var h header
		if !h.parse(u.data) {
			return goOn
		}
		if from = h.len; x.Part == Header {
			from, to = 0, h.len
		}
	}
	flips := x.choose(stream(s.draw(u.number, 1)), from, to, c.bits[:0])
	if len(flips) == 0 || !c.strikes(&x.fault, u, 0, flips) {
		return goOn
	}
	c.writable(u)
	for _, b := range flips {
		u.data[b/8] ^= 0x80 >> (b % 8)
	}
	c.noted(Corrupted)
	return goOn
}

// choose chooses bits of the bytes from..to in different columns: first the
// columns, then in each a bit. A column that the bytes have no bit in gives
// none.
func (x *corrupt) choose(s stream, from, to int, flips []int) []int {
	columns := [16]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	most := 16
	if to-from < 2 {
		most = 8 * (to - from)
	}
	for k := range min(x.Bits, most) {
		i := k + int(s.draw(uint64(k), 0)%uint64(most-k))
		columns[k], columns[i] = columns[i], columns[k]
		bits := (8*(to-from) - columns[k] + 15) / 16 // in this column
		flips = append(flips, 8*from+columns[k]+16*int(s.draw(uint64(k), 1)%uint64(bits)))
	}
	slices.Sort(flips)
	return flips
}
