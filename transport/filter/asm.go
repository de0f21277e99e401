// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter

import "golang.org/x/net/bpf"

// A label is a place in a program that jumps lead to, forwards only: classic
// BPF has no other jumps.
type label int

const nowhere label = 0

// A line is an instruction. If to is a label, it is a JumpIf that goes there
// when its condition holds, or a Jump.
type line struct {
	ins bpf.Instruction
	to  label
}

// An asm puts a program together.
type asm struct {
	lines  []line
	places []int // of labels, by label; an index into lines
}

func (a *asm) label() label {
	if len(a.places) == 0 {
		a.places = append(a.places, -1) // nowhere
	}
	a.places = append(a.places, -1)
	return label(len(a.places) - 1)
}

// at says that l is here.
func (a *asm) at(l label) { a.places[l] = len(a.lines) }

func (a *asm) do(all ...bpf.Instruction) {
	for _, ins := range all {
		a.lines = append(a.lines, line{ins: ins})
	}
}

// jumpIf goes to l if the condition holds for register A, and on otherwise.
func (a *asm) jumpIf(cond bpf.JumpTest, val uint32, l label) {
	a.lines = append(a.lines, line{bpf.JumpIf{Cond: cond, Val: val}, l})
}

func (a *asm) jump(l label) { a.lines = append(a.lines, line{bpf.Jump{}, l}) }

// maxSkip is how far a conditional jump reaches: its field has 8 bits.
const maxSkip = 255

// assemble resolves the labels. A conditional jump that does not reach its
// label becomes one around a far jump.
func (a *asm) assemble() []bpf.RawInstruction {
	// From the last to the first: what lies behind a jump is final then.
	for i := len(a.lines) - 1; i >= 0; i-- {
		j, ok := a.lines[i].ins.(bpf.JumpIf)
		if !ok || a.lines[i].to == nowhere || a.skip(i) <= maxSkip {
			continue
		}
		far := line{bpf.Jump{}, a.lines[i].to}
		a.lines[i] = line{ins: bpf.JumpIf{Cond: j.Cond, Val: j.Val, SkipFalse: 1}}
		a.insert(i+1, far)
	}
	raw := make([]bpf.RawInstruction, len(a.lines))
	for i, l := range a.lines {
		if l.to != nowhere {
			switch j := l.ins.(type) {
			case bpf.JumpIf:
				j.SkipTrue = uint8(a.skip(i))
				l.ins = j
			case bpf.Jump:
				j.Skip = uint32(a.skip(i))
				l.ins = j
			}
		}
		r, err := l.ins.Assemble()
		if err != nil {
			panic(err) // this package's mistake: no input decides on a size or register
		}
		raw[i] = r
	}
	return raw
}

// skip returns how many instructions the jump in line i leaves out.
func (a *asm) skip(i int) int { return a.places[a.lines[i].to] - i - 1 }

func (a *asm) insert(i int, l line) {
	a.lines = append(a.lines, line{})
	copy(a.lines[i+1:], a.lines[i:])
	a.lines[i] = l
	for p := range a.places {
		if a.places[p] >= i {
			a.places[p]++
		}
	}
}
