// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"runtime"
	"sync/atomic"
)

var leaked atomic.Int64

// Leaked returns how many rings of this process the garbage collector has found
// dropped and not closed. Their memory, which is the kernel's and does not count as the
// program's, stays until the process ends, and their sockets go on to receive
// into it. Anything but 0 is a mistake of the program: tests and metrics may
// look for it.
//
// Nothing is given back for it. The collector knows who has an [Rx], and not who
// has a part of its memory: the last frame may still be read when nobody will
// ask for another one.
func Leaked() int64 { return leaked.Load() }

// watch has a ring counted that is dropped before its cleanup is stopped.
func watch[T any](ring *T) runtime.Cleanup {
	return runtime.AddCleanup(ring, func(n int64) { leaked.Add(n) }, 1)
}
