// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netns_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"protean/transport/netlab"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(leakChecked{m})) }

// leakChecked fails a run that ends with more goroutines or descriptors than
// it began with.
type leakChecked struct{ m netlab.M }

func (l leakChecked) Run() int {
	// The runtime opens its poller once and keeps it.
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	code := l.m.Run()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		fmt.Fprintf(os.Stderr, "%d goroutines left behind\n", now-goroutines)
		return 1
	}
	if now := openFiles(); now > files {
		fmt.Fprintf(os.Stderr, "%d descriptors left behind\n", now-files)
		return 1
	}
	return code
}

func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	return len(entries)
}
