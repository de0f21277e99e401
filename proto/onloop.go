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

// callbackCode is the functions that call into handlers.
var callbackCode = [...]code{
	codeOf(call), codeOf((*queue).Deliver), codeOf((*queue).Event), codeOf((*queue).endBatch),
	codeOf((*Binding).start), codeOf((*Binding).stop),
}

var runnerCode = [...]code{codeOf((*Binding).runRunner)}

// code is where a function is in memory.
type code struct{ from, to uintptr }

// codeOf returns where function f is. To compare addresses is faster than to
// ask for the function of each, and allocates nothing.
func codeOf(f any) code {
	from := reflect.ValueOf(f).Pointer()
	within := func(size uintptr) bool {
		g := runtime.FuncForPC(from + size)
		return g != nil && g.Entry() == from
	}
	size := uintptr(1)
	for within(size) {
		size *= 2
	}
	for low := size / 2; size-low > 1; { // it is within at low, and not at size
		if mid := low + (size-low)/2; within(mid) {
			low = mid
		} else {
			size = mid
		}
	}
	return code{from, from + size}
}

// onLoop reports whether the caller was called from a callback. It costs some
// hundred nanoseconds.
func onLoop() bool { return calledFrom(callbackCode[:]) }

// onRunner reports whether the caller was called from a Runner, of whatever binding.
func onRunner() bool { return calledFrom(runnerCode[:]) }

func calledFrom(functions []code) bool {
	var pcs [64]uintptr
	for skip := 3; ; skip += len(pcs) {
		n := runtime.Callers(skip, pcs[:])
		for _, pc := range pcs[:n] {
			for _, f := range functions {
				if f.from < pc && pc <= f.to { // a return address: the call is just before it
					return true
				}
			}
		}
		if n < len(pcs) {
			return false
		}
	}
}
