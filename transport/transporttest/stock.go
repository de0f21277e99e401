// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// stacks returns the stacks of all goroutines.
func stacks() string {
	for size := 64 << 10; ; size *= 2 {
		b := make([]byte, size)
		if n := runtime.Stack(b, true); n < size {
			return string(b[:n])
		}
	}
}

// goroutines returns the stack of every goroutine but those that the runtime
// and package testing start when they like, by "goroutine N".
func goroutines() map[string]string {
	all := map[string]string{}
	for _, stack := range strings.Split(stacks(), "\n\n") {
		id, _, ok := strings.Cut(stack, " [")
		if !ok || ambient(stack) {
			continue
		}
		all[id] = stack
	}
	return all
}

// ambient reports whether a goroutine belongs to the process rather than to
// what is tested.
func ambient(stack string) bool {
	for _, f := range []string{
		"os/signal.signal_recv(",  // for ever, once signal.Notify was called
		"runtime.ensureSigM(",     // the same
		"testing.(*T).Run(",       // a test that waits for its subtest
		"testing.(*M).startAlarm", // -test.timeout
		"created by testing.runFuzzing",
	} {
		if strings.Contains(stack, f) {
			return true
		}
	}
	return false
}

// openPoller has the runtime open the descriptors of its network poller, so
// that they do not look like a leak when the first file needs them.
func openPoller() {
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
}

// files returns the open file descriptors as "number -> target", where the
// system lists them.
func files() map[string]bool {
	const dir = "/proc/self/fd"
	all := map[string]bool{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return all
	}
	for _, e := range entries {
		// The descriptor of the listing itself is gone by now.
		if target, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			all[e.Name()+" -> "+target] = true
		}
	}
	return all
}

// children returns the child processes as "number (name)", where the system
// lists them.
func children() map[string]bool {
	all := map[string]bool{}
	lists, _ := filepath.Glob("/proc/self/task/*/children") // the pattern is right
	for _, list := range lists {
		// The thread may have ended meanwhile; its children are another's then.
		pids, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, pid := range strings.Fields(string(pids)) {
			name, err := os.ReadFile("/proc/" + pid + "/comm")
			if err != nil {
				continue // gone
			}
			all[pid+" ("+strings.TrimSpace(string(name))+")"] = true
		}
	}
	return all
}
