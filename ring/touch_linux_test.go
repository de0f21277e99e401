// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// TestPagesOfARingAreWrittenTo touches a private mapping of a file: what is written to
// becomes anonymous memory.
func TestPagesOfARingAreWrittenTo(t *testing.T) {
	page := os.Getpagesize()
	f, err := os.Create(filepath.Join(t.TempDir(), "pages"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(16 * page)); err != nil {
		t.Fatal(err)
	}
	for _, every := range []int{1, 4, 16} {
		mem, err := mapAt(nil, 16*page, int(f.Fd()), unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		defer unmap(mem)
		touch(mem, page, every*page)
		if got, want := anonymous(t, mem), 16/every*page; got != want {
			t.Errorf("one page of %d: %d bytes were written to, want %d", every, got, want)
		}
	}
}

// anonymous returns how many bytes of a mapping are not its file's, in whole pages.
func anonymous(t *testing.T, mem []byte) int {
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	within := false
	for line := range strings.Lines(string(text)) {
		var from, to uint64
		var kib int
		if n, _ := fmt.Sscanf(line, "%x-%x ", &from, &to); n == 2 {
			within = from == uint64(uintptr(unsafe.Pointer(&mem[0])))
		} else if n, _ := fmt.Sscanf(line, "Anonymous: %d kB", &kib); n == 1 && within {
			return kib << 10
		}
	}
	t.Fatal("no such mapping")
	return 0
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
