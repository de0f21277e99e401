// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"protean/transport/netlab"
)

// roleEnv makes the test binary hold a guard, for whatever protocol it names,
// until it is killed.
const roleEnv = "GUARD_TEST_HOLD"

func TestMain(m *testing.M) {
	if protocol := os.Getenv(roleEnv); protocol != "" {
		hold(protocol)
	}
	os.Exit(netlab.Main(leakChecked{m}))
}

func hold(protocol string) {
	var number int
	if _, err := fmt.Sscan(protocol, &number); err != nil {
		panic(err)
	}
	if _, err := Open(number, &Config{Families: V4 | V6}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	for {
		time.Sleep(time.Hour)
	}
}

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
