// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

func TestAGuardHoldsAsLongAsAnybodyHasItsFiles(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	g := mustOpen(t, 253, lab.Node("b"))
	files, err := g.Files()
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	g.Close()
	if _, err := g.Files(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("files of a closed guard: %v", err)
	}
	second, err := FromFiles(files...)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if second.Protocol() != 253 || second.Families() != V4|V6 {
		t.Errorf("the guard is for %d, %v", second.Protocol(), second.Families())
	}
	for i, f := range files {
		if n, err := unix.GetsockoptInt(second.FD(V4<<i), unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil || n != []int{unix.AF_INET, unix.AF_INET6}[i] {
			t.Errorf("socket %d has the domain %d, %v", i, n, err)
		}
		f.Close()
	}
	for _, family := range []Families{V4, V6} {
		if got := newProber(t, lab, family).answers(3, 253)[253]; got != 0 {
			t.Errorf("%v: %d answered", family, got)
		}
	}
	second.Close()
	for _, family := range []Families{V4, V6} {
		if got := newProber(t, lab, family).answers(3, 253)[253]; got != 3 {
			t.Errorf("%v: %d answered after Close, want 3", family, got)
		}
	}
}

func TestFilesThatAreNotAGuardsAreRefused(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	filesOf := func(protocol int) []*os.File {
		files, err := mustOpen(t, protocol, lab.Node("b")).Files()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			for _, f := range files {
				f.Close()
			}
		})
		return files
	}
	one, other := filesOf(253), filesOf(254)
	raw := -1
	err := lab.Node("b").Do(func() (err error) {
		raw, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 253)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	unlocked := os.NewFile(uintptr(raw), "raw socket")
	defer unlocked.Close()
	for name, files := range map[string][]*os.File{
		"none":              nil,
		"the same twice":    {one[0], one[0]},
		"of two protocols":  {one[0], other[1]},
		"without a guard's": {unlocked},
	} {
		g, err := FromFiles(files...)
		if err == nil {
			g.Close()
		}
		if !errors.Is(err, unix.EINVAL) {
			t.Errorf("%s: %v, want EINVAL", name, err)
		}
	}
}
