// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"reflect"
	"runtime"
)

// A call that waits for the loop must not be made on the loop. Go has no
// goroutine-local state to tell, but every callback is called by one of a few
// functions that are never inlined, so that they can be found on the stack.

// call runs f, as a callback.
//
//go:noinline
func call(f func(*Env), env *Env) { f(env) }

// callback entries: the functions that call into handlers.
var callbackEntries = [...]uintptr{
	reflect.ValueOf(call).Pointer(),
	reflect.ValueOf((*queue).Deliver).Pointer(),
	reflect.ValueOf((*queue).Event).Pointer(),
	reflect.ValueOf((*queue).endBatch).Pointer(),
	reflect.ValueOf((*Binding).start).Pointer(),
	reflect.ValueOf((*Binding).stop).Pointer(),
}

var runnerEntry = reflect.ValueOf((*Binding).runRunner).Pointer()

// onLoop reports whether the caller was called from a callback. It costs about
// a microsecond.
func onLoop() bool { return calledFrom(callbackEntries[:]) }

// onRunner reports whether the caller was called from a Runner of b's kind.
func onRunner() bool { return calledFrom([]uintptr{runnerEntry}) }

func calledFrom(entries []uintptr) bool {
	var pcs [64]uintptr
	for skip := 3; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			// pc is a return address: the call is just before it.
			f := runtime.FuncForPC(pc - 1)
			if f == nil {
				continue
			}
			for _, e := range entries {
				if f.Entry() == e {
					return true
				}
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}
