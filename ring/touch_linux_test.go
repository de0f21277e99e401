// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"bytes"
	"os"
	"runtime/debug"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestEachPageOfARingIsRead(t *testing.T) {
	page := os.Getpagesize()
	mem, err := mapAt(nil, 16*page, -1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unmap(mem)
	touch(mem, page, 4*page)
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

// TestPagesOfARingAreWrittenTo has each page in turn be one that cannot be.
func TestPagesOfARingAreWrittenTo(t *testing.T) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	page := os.Getpagesize()
	mem, err := mapAt(nil, 16*page, -1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	defer unmap(mem)
	faults := func(written int) (fault bool) {
		defer func() { fault = recover() != nil }()
		touch(mem, page, written)
		return false
	}
	for _, every := range []int{1, 4} {
		for i := range 16 {
			one := mem[i*page:][:page]
			if err := unix.Mprotect(one, unix.PROT_READ); err != nil {
				t.Fatal(err)
			}
			if got, want := faults(every*page), i%every == 0; got != want {
				t.Errorf("page %d, one of %d: written to %t, want %t", i, every, got, want)
			}
			if err := unix.Mprotect(one, readWrite); err != nil {
				t.Fatal(err)
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
