// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"bytes"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestEachPageOfANewRingIsTouched(t *testing.T) {
	page := os.Getpagesize()
	for _, written := range []int{page, 4 * page} {
		mem, err := mapAt(nil, 16*page, -1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			t.Fatal(err)
		}
		defer unmap(mem)
		touch(mem, page, written)
		resident := make([]byte, 16)
		if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mem[0])), uintptr(len(mem)), uintptr(unsafe.Pointer(&resident[0]))); errno != 0 {
			t.Fatal(errno)
		}
		for i, r := range resident {
			if r&1 == 0 {
				t.Errorf("page %d was not touched", i)
			}
		}
	}
}

func TestTouchChangesNothing(t *testing.T) {
	mem := aligned(1 << 16)
	for i := range mem {
		mem[i] = byte(i*7 + i>>8)
	}
	before := bytes.Clone(mem)
	touch(mem, 4096, 4096)
	touch(mem, 4096, 1<<14)
	if !bytes.Equal(mem, before) {
		t.Error("memory is not what it was")
	}
}
