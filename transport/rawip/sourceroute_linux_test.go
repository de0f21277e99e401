// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"bytes"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/netlab"
)

func TestSourceRoutesAreOnTheWireAsTheyWereGiven(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := watch(t, b, unix.ETH_P_IP)
	one, two, three := []byte{10, 77, 1, 88}, []byte{10, 77, 1, 99}, []byte{192, 0, 2, 1}
	for name, options := range map[string][]byte{
		"loose, one hop":       append([]byte{131, 7, 4}, append(bytes.Clone(one), 0)...),
		"loose, two hops":      append(append([]byte{131, 11, 4}, one...), append(bytes.Clone(two), 0)...),
		"strict, three hops":   append(append(append([]byte{137, 15, 4}, one...), two...), append(bytes.Clone(three), 0)...),
		"behind other options": append(append([]byte{1, 148, 4, 0, 0, 131, 11, 4}, one...), two...),
		"another option":       {148, 4, 0, 0},
	} {
		h := between(a, b, false)
		h.options = options
		want := packet(h, []byte("by a route"))
		if name == "strict, three hops" && len(options) != 16 {
			t.Fatal(len(options))
		}
		for _, mode := range []Header{Included, Kernel} {
			tx := open(t, a, Config{Header: mode})
			send(t, tx, want)
			got := w.next(253)
			if len(got) < len(want) || !bytes.Equal(got[16:len(want)], want[16:]) || got[0] != want[0] {
				t.Errorf("%s, header mode %d: %x is on the wire, want %x", name, mode, got, want)
			}
		}
	}
}

func TestSourceRoutesThatTheKernelCannotSendAreRefused(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	tx := open(t, a, Config{Header: Kernel})
	for name, options := range map[string][]byte{
		"a hop is passed":  {131, 11, 8, 10, 77, 1, 88, 10, 77, 1, 99, 0},
		"all are passed":   {137, 7, 8, 10, 77, 1, 88, 0},
		"no hops":          {131, 3, 4, 0},
		"no pointer":       {131, 2, 0, 0},
		"part of an entry": {131, 9, 4, 10, 77, 1, 88, 1, 1, 0, 0, 0},
	} {
		h := between(a, b, false)
		h.options = options
		var u *transport.UnsupportedError
		if err := trySend(tx, 0, packet(h, nil)); !errors.As(err, &u) {
			t.Errorf("%s: %v, want an *UnsupportedError", name, err)
		}
	}
}
