// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package netns runs functions inside Linux network namespaces without leaking
// a thread's namespace into the rest of the program.
//
// A network namespace is a property of a thread, while Go moves goroutines
// between threads at will. [Handle.Do] therefore runs its function on a thread
// that is locked for the duration, and puts the thread back into the namespace
// it came from before the runtime may use it for anything else. A thread that
// cannot be put back is never handed out again: the runtime destroys it.
//
// What is created inside Do belongs to the namespace for good: a socket opened
// there stays there, whichever thread uses it later. Goroutines started inside
// Do run elsewhere, on threads of the process's own namespace.
//
// The main thread is never moved, so /proc/self/ns/net, which shows the main
// thread's namespace, keeps telling the truth.
//
// Entering a namespace needs CAP_SYS_ADMIN in the user namespaces of the caller
// and of the target; nothing is needed where the calling thread is there
// already, since then no setns(2) happens.
//
// On systems other than Linux every function returns an error that matches
// [errors.ErrUnsupported].
package netns
