// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package transporttest

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMainReportsWhatATestRunLeaves(t *testing.T) {
	stop := make(chan struct{})
	ended := make(chan struct{})
	var file *os.File
	var child *exec.Cmd
	for _, c := range []struct {
		name string
		run  func() int
		code int
		says string // "" for no report
	}{
		{"nothing is left over", func() int { return 0 }, 0, ""},
		{"failed tests keep their status", func() int { return 3 }, 3, ""},
		{"a goroutine that ends soon is no leak", func() int {
			go time.Sleep(5 * time.Millisecond)
			return 0
		}, 0, ""},
		{"a goroutine is left over", func() int {
			go lingers(stop, ended)
			return 0
		}, 1, "transporttest.lingers"},
		{"a file is left open", func() int {
			var err error
			if file, err = os.Open(os.DevNull); err != nil {
				t.Fatal(err)
			}
			return 0
		}, 1, os.DevNull},
		{"a child process is left running", func() int {
			child = exec.Command("sleep", "60")
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			return 0
		}, 1, "child process"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if (c.says == os.DevNull || c.says == "child process") && runtime.GOOS != "linux" {
				t.Skip("open files and child processes are listed on Linux only")
			}
			code, report := check(c.run, 100*time.Millisecond)
			if code != c.code || (report == "") != (c.says == "") || !strings.Contains(report, c.says) {
				t.Errorf("status %d with report %q, want %d with one about %q", code, report, c.code, c.says)
			}
		})
	}
	close(stop)
	<-ended
	if runtime.GOOS == "linux" {
		file.Close()
		child.Process.Kill()
		child.Wait()
	}
}

func lingers(stop, ended chan struct{}) {
	<-stop
	close(ended)
}

// recorder is a testing.TB that keeps what CheckLeaks reports.
type recorder struct {
	testing.TB
	cleanups []func()
	errors   []any
}

func (r *recorder) Cleanup(f func())  { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Error(args ...any) { r.errors = append(r.errors, args...) }
func (r *recorder) Failed() bool      { return false }

func TestCheckLeaksFailsTheTestThatLeaks(t *testing.T) {
	stop, ended := make(chan struct{}), make(chan struct{})
	go lingers(stop, ended) // was there before, and is nobody's leak
	r := &recorder{TB: t}
	CheckLeaks(r)
	r.cleanups[0]()
	if len(r.errors) != 0 {
		t.Errorf("reported %v, though nothing leaked", r.errors)
	}

	r = &recorder{TB: t}
	checkLeaks(r, 50*time.Millisecond)
	stop2, ended2 := make(chan struct{}), make(chan struct{})
	go lingers(stop2, ended2)
	r.cleanups[0]()
	if len(r.errors) != 1 {
		t.Errorf("reported %v, want one goroutine", r.errors)
	}
	close(stop)
	close(stop2)
	<-ended
	<-ended2
}
