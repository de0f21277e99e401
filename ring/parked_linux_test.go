// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/ring/sysmon"
)

// TestTimeParkedIsNoTimeAwake: the runtime's monitor thread is not to be woken for
// it.
func TestTimeParkedIsNoTimeAwake(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	var w waiter
	var asked atomic.Int32
	w.init(fds[0], func() bool { return asked.Add(1) > 2 }) // by wait, and before and after it is parked
	defer w.close()
	w.guard.Parked(sysmon.Now() - time.Hour)
	go func() {
		for asked.Load() < 2 {
			time.Sleep(time.Millisecond)
		}
		unix.Write(fds[1], []byte{1})
	}()
	if err := w.wait(time.Now().Add(20 * time.Second)); err != nil || asked.Load() != 3 {
		t.Fatalf("asked %d times, %v", asked.Load(), err)
	}
	if awake := w.guard.Awake(sysmon.Now()); awake > time.Minute {
		t.Errorf("awake for %v, with the time for which it was parked", awake)
	}
}
