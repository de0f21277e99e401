// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"os"
	"os/exec"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestALongerLogHasItsMemory asks the kernel about the memory of a log, in a process
// where no other test has left any.
func TestALongerLogHasItsMemory(t *testing.T) {
	const alone = "PROTEAN_TEST_ALONE"
	if os.Getenv(alone) == "" {
		c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		c.Env = append(os.Environ(), alone+"=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	const packets = 1 << 20
	log := unroll(make([]sentPacket, newSentLog), 1, packets)
	page := uintptr(os.Getpagesize())
	start, end := uintptr(unsafe.Pointer(&log[0])), uintptr(unsafe.Pointer(&log[packets-1]))
	start = (start + page - 1) &^ (page - 1)
	has := make([]byte, (end-start)/page)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, start, uintptr(len(has))*page, uintptr(unsafe.Pointer(&has[0]))); errno != 0 {
		t.Fatal(errno)
	}
	lacks := 0
	for _, b := range has {
		if b&1 == 0 {
			lacks++
		}
	}
	if lacks != 0 {
		t.Errorf("%d of %d pages are not there yet", lacks, len(has))
	}
}
