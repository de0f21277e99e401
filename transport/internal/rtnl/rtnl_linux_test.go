// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rtnl

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

func nlmsg(kind, flags uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.NLMSG_HDRLEN+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = append(append(b, make([]byte, 8)...), body...)
	return append(b, make([]byte, -len(b)&3)...)
}

func errno(e unix.Errno) []byte { return binary.NativeEndian.AppendUint32(nil, -uint32(e)) }

func TestPartsOfADump(t *testing.T) {
	one, two := nlmsg(24, 0, []byte("one")), nlmsg(24, 0, []byte("two"))
	failure := nlmsg(unix.NLMSG_ERROR, 0, errno(unix.EPERM))
	last := nlmsg(unix.NLMSG_DONE, 0, errno(0))
	mixed := func(kind uint16, body []byte) []byte { return nlmsg(kind, unix.NLM_F_DUMP_INTR, body) }
	other := nlmsg(unix.NLMSG_DONE, unix.NLM_F_DUMP_INTR, errno(unix.EIO))
	other[8] = 1 // its sequence number
	for _, c := range []struct {
		name string
		b    []byte
		want []string
		done bool
		err  error
	}{
		{"nothing", nil, nil, false, nil},
		{"two", slices.Concat(one, two), []string{"one", "two"}, false, nil},
		{"the last", slices.Concat(one, last, two), []string{"one"}, true, nil},
		{"the last of an old kernel", slices.Concat(one, nlmsg(unix.NLMSG_DONE, 0, nil)), []string{"one"}, true, nil},
		{"an error", slices.Concat(one, failure), []string{"one"}, true, unix.EPERM},
		{"broken off", slices.Concat(one, nlmsg(unix.NLMSG_DONE, 0, errno(unix.EMSGSIZE))), []string{"one"}, true, unix.EMSGSIZE},
		{"changed before", slices.Concat(mixed(24, []byte("one")), two, last), []string{"one", "two"}, true, unix.EINTR},
		{"changed meanwhile", slices.Concat(one, mixed(24, []byte("two")), last), []string{"one", "two"}, true, unix.EINTR},
		{"changed at the end", slices.Concat(one, two, mixed(unix.NLMSG_DONE, errno(0))), []string{"one", "two"}, true, unix.EINTR},
		{"changed after the end", slices.Concat(one, last, mixed(24, nil)), []string{"one"}, true, nil},
		{"changed, and broken off", slices.Concat(one, mixed(unix.NLMSG_DONE, errno(unix.ENOMEM))), []string{"one"}, true, unix.ENOMEM},
		{"of another question", slices.Concat(other, one, other, last), []string{"one"}, true, nil},
		{"cut off", slices.Concat(one, two[:len(two)-2]), []string{"one"}, false, nil},
	} {
		var got []string
		d := dump{f: func(_ uint16, b []byte) bool { got = append(got, string(b)); return true }}
		err := d.part(c.b)
		if !slices.Equal(got, c.want) || d.done != c.done || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v, %v", c.name, got, d.done, err)
		}
	}

	// What was told in one datagram holds for the next ones.
	d := dump{f: func(uint16, []byte) bool { return true }}
	if err := d.part(mixed(24, nil)); d.done || err != nil {
		t.Errorf("changed, and not at the end: %v, %v", d.done, err)
	}
	if err := d.part(one); d.done || err != nil {
		t.Errorf("the next datagram: %v, %v", d.done, err)
	}
	if err := d.part(last); !d.done || !errors.Is(err, unix.EINTR) {
		t.Errorf("the last datagram: %v, %v", d.done, err)
	}
	n := 0
	d = dump{f: func(uint16, []byte) bool { n++; return false }}
	if err := d.part(slices.Concat(one, two)); !d.done || err != nil || n != 1 {
		t.Errorf("ended early: %v after %d, %v", d.done, n, err)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add(slices.Concat(nlmsg(24, 0, []byte("one")), nlmsg(unix.NLMSG_ERROR, 0, nil)))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		d := dump{f: func(_ uint16, body []byte) bool { n += len(body); return true }}
		d.part(b)
		if n > len(b) {
			t.Errorf("%d bytes of messages in %d", n, len(b))
		}
	})
}

func TestATableIsReadToItsEndOrNot(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := lab.Node("a")
	const routes = 3000 // several datagrams
	if err := a.Do(func() error {
		c, err := Dial("")
		if err != nil {
			return err
		}
		defer c.Close()
		for i := range routes {
			rtm := make([]byte, unix.SizeofRtMsg)
			rtm[0], rtm[1], rtm[4], rtm[7] = unix.AF_INET, 32, unix.RT_TABLE_MAIN, unix.RTN_BLACKHOLE
			_, err := Execute(c, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_ACK, rtm, func(ae *netlink.AttributeEncoder) {
				ae.Bytes(unix.RTA_DST, []byte{11, 0, byte(i >> 8), byte(i)})
			})
			if err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{routes + 1000, 5} {
		n := 0
		err := Dump(a.NetNS(), unix.RTM_GETROUTE, []byte{0: unix.AF_INET, 11: 0}, func(kind uint16, b []byte) bool {
			if kind == unix.RTM_NEWROUTE && b[7] == unix.RTN_BLACKHOLE {
				n++
			}
			return n < most
		})
		if err != nil || n != min(most, routes) {
			t.Errorf("of %d, at most %d: read %d, %v", routes, most, n, err)
		}
	}
	if err := Dump(a.NetNS(), 9999, make([]byte, 16), func(uint16, []byte) bool { return true }); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("no such table: %v", err)
	}
	if err := Dump("/nowhere", unix.RTM_GETROUTE, make([]byte, unix.SizeofRtMsg), func(uint16, []byte) bool { return true }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such namespace: %v", err)
	}
}
