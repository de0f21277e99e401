// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

func TestMarksAndPrioritiesAreOnPackets(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft, which looks at marks, is not installed")
	}
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	for _, rule := range []string{
		"add table inet t",
		"add chain inet t out { type filter hook output priority 0; }",
		"add rule inet t out meta mark 7 drop",
		"add rule inet t out meta priority 5 drop",
	} {
		if out, err := a.Run(context.Background(), "nft", rule); err != nil {
			t.Fatalf("nft %s: %v: %s", rule, err, out)
		}
	}
	for name, c := range map[string]struct {
		cfg  Config
		want error
	}{
		"neither":          {Config{}, nil},
		"another mark":     {Config{Mark: 8, Priority: 4}, nil},
		"the mark":         {Config{Mark: 7}, unix.EPERM},
		"the priority":     {Config{Priority: 5}, unix.EPERM},
		"the mark, Kernel": {Config{Mark: 7, Header: Kernel}, unix.EPERM},
	} {
		families(t, func(t *testing.T, v6 bool) {
			err := trySend(open(t, a, c.cfg), 0, packet(between(a, b, v6), nil))
			if c.want == nil && err != nil || c.want != nil && !isErrno(err, unix.EPERM) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		})
	}
}

func TestDontRouteReachesNeighboursOnly(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a, r, b := lab.Node("a"), lab.Node("r1"), lab.Node("b")
	for _, mode := range []Header{Included, Kernel} {
		tx := open(t, a, Config{DontRoute: true, Header: mode})
		h := between(a, r, false)
		send(t, tx, packet(h, nil))
		h.dst = b.Addr4()
		if err := trySend(tx, 0, packet(h, nil)); !isErrno(err, unix.ENETUNREACH) {
			t.Errorf("header mode %d: behind a router: %v, want ENETUNREACH", mode, err)
		}
	}
}

func TestTransparentSocketsUseForeignAddresses(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	foreign := Config{Header: Kernel, Local4: addr("10.77.1.99"), Local6: addr("fd77:1::99")}
	foreign.NetNS = a.NetNS()
	if _, err := Open(&foreign); !isErrno(err, unix.EADDRNOTAVAIL) {
		t.Errorf("without Transparent: %v, want EADDRNOTAVAIL", err)
	}
	foreign.Transparent = true
	tx, rx := open(t, a, foreign), open(t, b, Config{})
	bind(t, rx, 253)
	families(t, func(t *testing.T, v6 bool) {
		h := between(a, b, v6)
		h.src = foreign.Local4
		if v6 {
			h.src = foreign.Local6
		}
		send(t, tx, packet(h, nil))
		if p := receive(t, rx, 1)[0]; p.Src() != h.src {
			t.Errorf("from %v, want %v", p.Src(), h.src)
		}
	})
}

func TestNoLoopKeepsOwnMulticastsAway(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	via := a.Interfaces()[0]
	for _, mode := range []Header{Included, Kernel} {
		for _, noLoop := range []bool{false, true} {
			families(t, func(t *testing.T, v6 bool) {
				tr := open(t, a, Config{NoLoop: noLoop, Header: mode})
				bind(t, tr, 253)
				h := header{src: a.Addr4(), dst: addr("239.1.2.3")}
				if v6 {
					h = header{src: a.Addr6(), dst: addr("ff05::1:2")}
				}
				if err := tr.Join(via.Index, h.dst); err != nil {
					t.Fatal(err)
				}
				if err := trySend(tr, via.Index, packet(h, []byte("group"))); err != nil {
					t.Fatal(err)
				}
				last := between(a, a, v6)
				send(t, tr, packet(last, []byte("last")))
				var c collector
				c.until(t, tr, func() bool {
					return len(c.packets) > 0 && string(c.packets[len(c.packets)-1].Payload()) == "last" || len(c.packets) > 1
				})
				if !noLoop {
					for end := time.Now().Add(time.Second); len(c.packets) < 2 && time.Now().Before(end); {
						c.until(t, tr, func() bool { return true })
						pause()
					}
				}
				own := 0
				for _, p := range c.packets {
					if string(p.Payload()) == "group" {
						own++
					}
				}
				if noLoop && own != 0 || !noLoop && own != 1 {
					t.Errorf("header mode %d, NoLoop %v: %d of our own packets came back", mode, noLoop, own)
				}
			})
		}
	}
}
