// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

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
)

// besideEnv has the test binary be a program that waits in a loop, as a reader of
// a ring does, and has something else to do.
const besideEnv = "RING_TEST_BESIDE"

// beside are the programs. They make no system call that is not raw, but for those of
// waiting.
var beside = map[string]func(){"compute": waitAndCompute, "flood": readInAFlood}

// TestOthersRunBesideAReader has the runtime's only processor computed on until
// frames come, and a descriptor read while there is always a frame.
func TestOthersRunBesideAReader(t *testing.T) {
	for role := range beside {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
			if err != nil {
				t.Fatal(err)
			}
			frames, w := os.NewFile(uintptr(fds[0]), "frames"), os.NewFile(uintptr(fds[1]), "sender")
			defer w.Close()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), besideEnv+"="+role, "GOMAXPROCS=1")
			cmd.ExtraFiles = []*os.File{frames} // its descriptor 3
			out := new(strings.Builder)
			cmd.Stdout, cmd.Stderr = out, out
			err = cmd.Start()
			frames.Close() // what is written to nobody fails then
			if err != nil {
				t.Fatal(err)
			}
			given := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
			defer given.Stop()
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			for {
				select {
				case err := <-ended:
					if err != nil {
						t.Errorf("it did not get to it in 20 seconds: %v: %s", err, out)
					}
					return
				case <-time.After(5 * time.Millisecond):
					w.Write([]byte{0}) // a frame
				}
			}
		})
	}
}

// A framesRead counts the frames that a waiter's ready has read.
type framesRead struct {
	waiter
	came int
	all  atomic.Int64
}

func (f *framesRead) init() {
	var b [64]byte
	f.waiter.init(3, func() bool {
		if n, _, errno := unix.RawSyscall(unix.SYS_READ, 3, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b))); errno == 0 {
			f.came += int(n)
		}
		return f.came > 0
	})
}

// next waits for frames. The monitor thread is asleep when some have come, and
// nothing but next was called.
func (f *framesRead) next() bool {
	if err := f.wait(time.Time{}); err != nil {
		fmt.Println(err)
		return false
	}
	f.all.Add(int64(f.came))
	f.came = 0
	return true
}

// waitAndCompute has a goroutine compute from the hundredth frame until ten more
// have come.
func waitAndCompute() {
	f, begin := new(framesRead), make(chan bool, 1)
	f.init()
	go func() {
		<-begin
		for f.all.Load() < 110 {
		}
		os.Exit(0)
	}()
	for f.next() {
		if f.all.Load() >= 100 {
			select {
			case begin <- true:
			default:
			}
		}
	}
}

// readInAFlood has a goroutine read from a pipe what is written when the loop has
// gone round a hundred times that always finds a frame.
func readInAFlood() {
	r, to, err := os.Pipe()
	if err != nil {
		fmt.Println(err)
		return
	}
	fd, one := to.Fd(), []byte{1}
	defer runtime.KeepAlive(to) // or reading ends without a byte
	go func() {
		r.Read(make([]byte, 1))
		os.Exit(0)
	}()
	f := new(framesRead)
	for f.init(); f.all.Load() < 100 && f.next(); {
	}
	f.ready = func() bool { return true }
	for i := 0; f.next(); i++ {
		if i == 100 {
			unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&one[0])), 1)
		}
		for begun := time.Now(); time.Since(begun) < 200*time.Microsecond; {
		}
	}
}
