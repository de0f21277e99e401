// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rtnl

import (
	"bytes"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
)

// TestAWatchTellsThatNotificationsWereLost, or who keeps a table by them would never
// read it anew, and goes on with those that come later.
func TestAWatchTellsThatNotificationsWereLost(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	came := make(chan []byte, 1000)
	begun, goOn := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(goOn) })
	var first sync.Once
	w, err := NewWatch(a.NetNS(), []uint32{unix.RTNLGRP_IPV4_IFADDR}, func(b []byte) {
		first.Do(func() { // nobody reads while there is more to tell than fits
			close(begun)
			<-goOn
		})
		came <- bytes.Clone(b) // nil of nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer release()
	if err := w.conn.SetReadBuffer(1); err != nil { // the kernel's least
		t.Fatal(err)
	}
	c, err := Dial(a.NetNS())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	add := func(n int) {
		t.Helper()
		h := []byte{unix.AF_INET, 32, 0, unix.RT_SCOPE_UNIVERSE}
		h = binary.NativeEndian.AppendUint32(h, uint32(a.Interfaces()[0].Index))
		_, err := Execute(c, unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK, h, func(ae *netlink.AttributeEncoder) {
			ae.Bytes(unix.IFA_LOCAL, []byte{192, 0, 2, byte(n)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	add(0)
	select {
	case <-begun:
	case <-time.After(20 * time.Second):
		t.Fatal("an address is not announced")
	}
	for n := range 100 {
		add(1 + n)
	}
	release()
	for lost := false; !lost; {
		select {
		case b := <-came:
			lost = b == nil
		case <-time.After(20 * time.Second):
			t.Fatal("it does not tell that some were lost")
		}
	}
	// There is room again when what did fit has been read.
	for n := 101; n < 200; n++ {
		add(n)
		for quiet := false; !quiet; {
			select {
			case b := <-came:
				if bytes.Contains(b, []byte{192, 0, 2, byte(n)}) {
					return
				}
			case <-time.After(100 * time.Millisecond):
				quiet = true
			}
		}
	}
	t.Error("no address is announced after some were lost")
}
