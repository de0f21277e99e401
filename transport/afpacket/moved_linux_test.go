// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport/internal/rtnl"
	"protean/transport/netlab"
)

// move moves an interface from the namespace with a path, or the calling thread's, to
// another one.
func move(from string, index uint32, to int) error {
	c, err := rtnl.Dial(from)
	if err != nil {
		return err
	}
	defer c.Close()
	header := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(header[4:], index)
	_, err = rtnl.Execute(c, unix.RTM_NEWLINK, unix.NLM_F_ACK, header, func(ae *netlink.AttributeEncoder) {
		ae.Uint32(unix.IFLA_NET_NS_FD, uint32(to))
	})
	return err
}

// ends waits for each queue to say that the interface is gone.
func ends(t *testing.T, tr *Transport) {
	t.Helper()
	var c collector
	c.from = tr
	for i, q := range tr.Queues() {
		var err error
		for end := time.Now().Add(10 * time.Second); err == nil; {
			if _, err = q.Recv(&c, 64); err == nil {
				err = q.Wait(time.Now().Add(10 * time.Millisecond))
			}
			if time.Now().After(end) {
				t.Fatalf("queue %d does not notice", i)
			}
		}
		var op *net.OpError
		if !errors.As(err, &op) || op.Net != "afpacket" || !errors.Is(err, unix.ENODEV) {
			t.Errorf("queue %d: %v", i, err)
		}
	}
}

// TestAnInterfaceThatCameBackIsAnotherOne: when it was down before, the kernel says
// nothing at the sockets, which are unbound for good, and it has the number it had.
func TestAnInterfaceThatCameBackIsAnotherOne(t *testing.T) {
	rings(t, func(t *testing.T, r Ring) {
		lab := netlab.Test(t, netlab.Pair())
		a := lab.Node("a")
		tr := open(t, a, Config{Ring: r, Queues: 2}, 253)
		if err := a.SetLink("eth0", false); err != nil {
			t.Fatal(err)
		}
		settle(t, tr)
		if err := a.Replug("eth0"); err != nil {
			t.Fatal(err)
		}
		ends(t, tr)
	})
}
