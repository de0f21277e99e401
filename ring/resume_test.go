// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"fmt"
	"slices"
	"testing"
)

// stocked returns a ring of each version with ten frames in it, and what they
// carry.
func stocked(t *testing.T, f func(t *testing.T, k *fakeKernel, c *cursor, want []string)) {
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprint("frame ", i))
	}
	t.Run("V3", func(t *testing.T) {
		k, c := newFakeV3(4096, 4)
		k.block(StatusUser, want[:4]...)
		k.block(StatusUser)
		k.block(StatusUser|StatusBlockTimeout, want[4:]...)
		f(t, k, c, want)
	})
	t.Run("V2", func(t *testing.T) {
		k, c := newFakeV2(4096, 4, 1024)
		for _, p := range want {
			k.put(StatusUser, p)
		}
		f(t, k, c, want)
	})
}

// A reader that panics on a frame finds the next one when it comes back.
func TestAPanicLosesAndRepeatsNothing(t *testing.T) {
	stocked(t, func(t *testing.T, k *fakeKernel, c *cursor, want []string) {
		var got []string
		read := func() (more bool) {
			defer func() {
				if recover() != nil {
					more = true
				}
				c.rest() // as Leave does
			}()
			var f Frame
			for f.set(c.next()) {
				got = append(got, string(f.Network()))
				if len(got)%3 == 0 {
					panic("a handler's")
				}
			}
			return false
		}
		rounds := 1
		for read() {
			rounds++
		}
		if !slices.Equal(got, want) || rounds != 4 {
			t.Errorf("got %q in %d rounds", got, rounds)
		}
	})
}

// A reader that stops after each frame, having left the ring, goes on behind it.
// What it has read to the end is the kernel's again.
func TestReadingGoesOnWhereItStopped(t *testing.T) {
	stocked(t, func(t *testing.T, k *fakeKernel, c *cursor, want []string) {
		for i, p := range want {
			if !c.ready() {
				t.Fatalf("frame %d is not ready", i)
			}
			var f Frame
			if !f.set(c.next()) || string(f.Network()) != p {
				t.Fatalf("frame %d: %q", i, f.Network())
			}
			c.rest()
			block := k.mem
			status := blockStatus
			read := i >= 3 // the first block
			if k.v2 {
				block, status = k.mem[i/k.perBlock()*k.size+i%k.perBlock()*k.frame:], v2Status
				read = true
			}
			if free := acquire(block, status) == 0; free != read {
				t.Errorf("frame %d: what it was in is free: %v, want %v", i, free, read)
			}
		}
		if c.ready() || new(Frame).set(c.next()) {
			t.Error("more than there was")
		}
	})
}

func (k *fakeKernel) perBlock() int { return k.size / k.frame }
