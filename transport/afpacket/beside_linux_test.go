// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

// TestPacketsComeBesideAGoroutineThatComputes has a program with one processor
// do nothing but receive, and then compute as well until packets come.
func TestPacketsComeBesideAGoroutineThatComputes(t *testing.T) {
	testBeside(t, "compute", func(write func()) { write(); time.Sleep(5 * time.Millisecond) })
}

// TestThePollerIsAskedInAFlood has more packets come than the program can handle:
// it never waits.
func TestThePollerIsAskedInAFlood(t *testing.T) {
	testBeside(t, "flood", func(write func()) { write() })
}

// testBeside runs the program until it ends, with packets.
func testBeside(t *testing.T, role string, next func(write func())) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	for r, name := range []string{V3: "V3", V2: "V2", None: "no ring"} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", roleEnv, role, r), "GOMAXPROCS=1")
			out := new(strings.Builder)
			cmd.Stdout, cmd.Stderr = out, out
			if err := b.Start(cmd); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			given := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer given.Stop()
			time.Sleep(300 * time.Millisecond) // until all of it waits
			for {
				select {
				case err := <-ended:
					if err != nil {
						t.Errorf("it did not get to it in 20 seconds: %v: %s", err, out)
					}
					return
				default:
				}
				next(func() { w.write(w.peer, typeIPv4, between(a, b, false, []byte("tick"))) })
			}
		})
	}
}

// A ticked counts packets, and does something with the hundredth.
type ticked struct {
	n    atomic.Int64
	do   func()
	slow bool // more come than it can handle
}

func (s *ticked) Deliver(*transport.Packet) {
	if s.n.Add(1) == 100 {
		s.do()
	}
	for begun := time.Now(); s.slow && time.Since(begun) < 200*time.Microsecond; {
	}
}

func (s *ticked) Event(*transport.Event) {}

// workBeside is the program: it receives, and computes, or in a flood reads from a
// pipe, as well. It makes no other system call that is not raw.
func workBeside(role string, ring Ring) int {
	tr, err := Open(&Config{Interface: "eth0", Ring: ring})
	if err == nil {
		err = tr.Bind(253)
	}
	s := &ticked{slow: role == "flood"}
	begin := make(chan bool, 1)
	var r, w *os.File
	switch {
	case err != nil:
	case role == "compute":
		s.do = func() { begin <- true }
		go func() {
			<-begin
			for s.n.Load() < 110 {
			}
			os.Exit(0)
		}()
	default:
		if r, w, err = os.Pipe(); err != nil {
			break
		}
		defer runtime.KeepAlive(w) // or reading ends without a byte
		fd, one := w.Fd(), []byte{1}
		s.do = func() { unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&one[0])), 1) }
		go func() {
			r.Read(make([]byte, 1))
			os.Exit(0)
		}()
	}
	for err == nil {
		q := tr.queues[0]
		if _, err = q.Recv(s, 64); err == nil {
			err = q.Wait(time.Time{})
		}
	}
	fmt.Println(err)
	return 1
}
