// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"golang.org/x/net/bpf"
)

// dests are the destinations to be tested, by family: those of packets to this
// host at the link layer, and those of packets to others. A list is sorted by
// prefix length; an empty one wants nothing.
type dests struct {
	own, other [2]destList
}

type destList struct {
	all  bool // all are wanted
	list []netip.Prefix
}

func (l *destList) empty() bool { return !l.all && len(l.list) == 0 }

func (s *Spec) destinations() *dests {
	d := new(dests)
	for i, family := range []bool{s.V4 || !s.V6, s.V6 || !s.V4} {
		if !family {
			continue
		}
		if d.own[i] = newDestList(s.Dst, i == 1); len(s.Dst) == 0 {
			d.own[i].all = true
		}
		if !s.OtherHost {
			d.other[i] = newDestList(s.OtherHostDst, i == 1)
		}
	}
	return d
}

func newDestList(list []netip.Prefix, v6 bool) (l destList) {
	for _, p := range list {
		a := p.Addr()
		if !p.IsValid() || a.Unmap().Is6() != v6 {
			continue
		}
		if a.Is4In6() {
			p = netip.PrefixFrom(a.Unmap(), max(p.Bits()-96, 0))
		}
		if p.Bits() == 0 {
			return destList{all: true}
		}
		l.list = append(l.list, p.Masked())
	}
	slices.SortFunc(l.list, func(p, q netip.Prefix) int {
		if p.Bits() != q.Bits() {
			return q.Bits() - p.Bits()
		}
		return p.Addr().Compare(q.Addr())
	})
	l.list = slices.Compact(l.list)
	return l
}

// wanted reports whether anything of a family is.
func (d *dests) wanted(v6 bool) bool {
	i := index(v6)
	return !d.own[i].empty() || !d.other[i].empty()
}

// widen has one list less tested, the one that takes most instructions.
func (d *dests) widen() {
	longest := &d.own[0]
	for _, l := range d.lists() {
		if l.cost() > longest.cost() {
			longest = l
		}
	}
	*longest = destList{all: true}
}

func (d *dests) lists() [4]*destList {
	return [...]*destList{&d.own[0], &d.own[1], &d.other[0], &d.other[1]}
}

func (d *dests) cost() (n int) {
	for _, l := range d.lists() {
		n += l.cost()
	}
	return n
}

// cost is the least number of instructions that test a list.
func (l *destList) cost() (n int) {
	for _, p := range l.list {
		if p.Addr().Is4() {
			n++
		} else {
			n += 2 * ((p.Bits() + 31) / 32)
		}
	}
	return n
}

func index(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}

// destination goes on if the destination is wanted.
func (b *builder) destination(d *dests, v6 bool) {
	ok, i := b.label(), index(v6)
	if b.distinguishes() {
		own := b.label()
		b.do(bpf.LoadScratch{Dst: bpf.RegA, N: foreign})
		b.jumpIf(bpf.JumpEqual, 0, own)
		b.anyOf(&d.other[i], v6, ok)
		b.at(own)
	}
	b.anyOf(&d.own[i], v6, ok)
	b.at(ok)
}

// distinguishes reports whether the destinations depend on whom a packet is to
// at the link layer.
func (b *builder) distinguishes() bool { return !b.OtherHost && len(b.OtherHostDst) > 0 }

// anyOf goes to ok if the destination is in one of the prefixes of a family,
// and drops the packet otherwise.
func (b *builder) anyOf(l *destList, v6 bool, ok label) {
	if l.all {
		b.jump(ok)
		return
	}
	for i, p := range l.list {
		if v6 {
			b.prefix6(p, ok)
			continue
		}
		if i == 0 || p.Bits() != l.list[i-1].Bits() {
			b.load(16, 4)
			b.mask(p.Bits())
		}
		a := p.Addr().As4()
		b.jumpIf(bpf.JumpEqual, binary.BigEndian.Uint32(a[:]), ok)
	}
	b.jump(b.drop)
}

func (b *builder) prefix6(p netip.Prefix, ok label) {
	a, other := p.Addr().As16(), b.label()
	for i, left := 0, p.Bits(); left > 0; i, left = i+4, left-32 {
		b.load(uint32(24+i), 4)
		b.mask(min(left, 32))
		word := binary.BigEndian.Uint32(a[i:])
		if left > 32 {
			b.jumpIf(bpf.JumpNotEqual, word, other)
		} else {
			b.jumpIf(bpf.JumpEqual, word, ok)
		}
	}
	b.at(other)
}

// mask keeps the first n bits of A, 1 to 32.
func (b *builder) mask(n int) {
	if n < 32 {
		b.do(bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: bits.Reverse32(1<<n - 1)})
	}
}
