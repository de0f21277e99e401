// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package fifo

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestFirstInFirstOut(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var q Queue[int]
	var model []int
	for i := range 10000 {
		if r.IntN(100) < 52 {
			if i%2 == 0 {
				q.Push(i)
			} else {
				*q.Add() = i
			}
			model = append(model, i)
		} else if len(model) > 0 {
			q.Drop()
			model = model[1:]
		}
		var all []int
		for k := range q.Len() {
			all = append(all, *q.At(k))
		}
		if !slices.Equal(all, model) {
			t.Fatalf("%v, want %v", all, model)
		}
	}
}
