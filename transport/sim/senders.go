// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"bytes"
	"runtime"
	"strconv"
	"unsafe"
)

// In a bubble, what two goroutines send on one handle at the same instant,
// neither having waited for the other, has no order that could be the same in
// every run. Go has no way to ask which goroutine this is but to print its
// stack, which takes microseconds. So the answer is remembered by where on
// which stack the caller is. A goroutine can end and another have its stack, so
// what is remembered is not enough to report anything: it leads to asking every
// time, for a while. What happens once may be missed that way; what happens
// again is not, and what is reported is true.

// senders tells the goroutines apart that send on a handle.
type senders struct {
	round uint64 // of the loop, in which first has sent
	first sender
	twice bool // first has sent again
	said  bool // that there are several; once is enough
	doubt int  // for how many more packets to ask and not to remember

	known [8]place
	next  int
	text  [40]byte
}

// A sender is a goroutine.
type sender struct {
	id    uint64 // 0: the one that receives
	sure  bool   // asked for now, and not remembered
	piece uintptr
}

// A place is an address on the stack of a goroutine.
type place struct {
	at   uintptr
	id   uint64
	left int // how often it may still be believed
}

const (
	pieceBits  = 11 // every stack has whole pieces of 2 KiB, the smallest one
	believable = 32
	doubtful   = 1024
)

// sends notes that the calling goroutine sends on t now.
func (t *Transport) sends() {
	s, b := &t.senders, &t.net.bubble
	at := stackPointer()
	piece := at >> pieceBits
	first := s.round != b.round
	who := sender{sure: true, piece: piece}
	switch {
	case t.q.round == b.round && t.q.piece == piece:
		// It received just now, so it cannot be another with the same stack.
	case !first && s.twice && s.first.piece == piece:
		return // asked for the second packet, which will do for this round
	case first && s.doubt == 0:
		who = s.remember(at)
	default:
		who.id = s.ask()
		s.doubt = max(0, s.doubt-1)
	}
	switch {
	case first:
		s.round, s.first, s.twice = b.round, who, false
	case who.id == s.first.id:
		s.first, s.twice = who, who.id != 0
	case !s.first.sure:
		s.doubt = doubtful
	case !s.said:
		s.said = true
		t.net.fail(t.concurrent(s.first.id, who.id))
		t.net.rouse()
	}
}

// stackPointer returns where on its stack the caller is.
func stackPointer() uintptr {
	var here byte
	return uintptr(unsafe.Pointer(&here))
}

// remember returns which goroutine this is, as far as is known.
func (s *senders) remember(at uintptr) sender {
	i := s.next
	for j := range s.known {
		k := &s.known[j]
		if k.at != at {
			continue
		}
		if k.left > 0 {
			k.left--
			return sender{id: k.id, piece: at >> pieceBits}
		}
		i = j // at most one is about this address
	}
	if i == s.next {
		s.next = (s.next + 1) % len(s.known)
	}
	s.known[i] = place{at, s.ask(), believable}
	return sender{s.known[i].id, true, at >> pieceBits}
}

// ask returns the number of this goroutine, which its stack begins with:
// "goroutine 12 [running]:".
func (s *senders) ask() (id uint64) {
	text := s.text[:runtime.Stack(s.text[:], false)]
	for _, c := range bytes.TrimPrefix(text, []byte("goroutine ")) {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}

func (t *Transport) concurrent(ids ...uint64) *ConcurrentError {
	e := &ConcurrentError{Handle: t.name, Time: unix(t.net.clock())}
	const most = 1 << 20
	all := make([]byte, most)
	all = all[:runtime.Stack(all, true)]
	for i, id := range ids {
		if e.Goroutines[i] = id; id == 0 {
			e.Stacks += "\nthe goroutine that receives from it\n"
		} else {
			e.Stacks += stackOf(all, id)
		}
	}
	return e
}

// stackOf returns one goroutine's stack out of all of them.
func stackOf(all []byte, id uint64) string {
	who := append(strconv.AppendUint([]byte("goroutine "), id, 10), ' ')
	for one := range bytes.SplitSeq(all, []byte("\n\n")) {
		if bytes.HasPrefix(one, who) {
			return "\n" + string(one) + "\n"
		}
	}
	return "\n" + string(who) + "has ended\n"
}
