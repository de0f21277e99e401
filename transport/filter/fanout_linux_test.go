// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package filter_test

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport/filter"
	"protean/transport/netlab"
)

// A group of four sockets, of each kind, with one program: datagrams are
// spread, and their fragments are not.
func TestFanoutOnTheKernel(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	to, send := b.Interfaces()[0], sender(t, a, b)
	program := (&filter.Spec{Protocols: []uint8{253}}).Program()
	for i, c := range []struct {
		name           string
		kind, protocol int
		fragments      func(src, dst netip.Addr, payload string) [][]byte
		src, dst       netip.Addr
	}{
		{"SOCK_RAW, IPv4", unix.SOCK_RAW, unix.ETH_P_IP, fragments4, a.Addr4(), netip.MustParseAddr("10.77.1.100")},
		{"SOCK_RAW, IPv6", unix.SOCK_RAW, unix.ETH_P_IPV6, fragments6, a.Addr6(), netip.MustParseAddr("fd77:1::100")},
		{"SOCK_DGRAM, IPv4", unix.SOCK_DGRAM, unix.ETH_P_ALL, fragments4, a.Addr4(), netip.MustParseAddr("10.77.1.100")},
		{"SOCK_DGRAM, IPv6", unix.SOCK_DGRAM, unix.ETH_P_ALL, fragments6, a.Addr6(), netip.MustParseAddr("fd77:1::100")},
	} {
		var group []int
		for range 4 {
			fd := packetSocket(t, b, c.kind)
			if err := filter.Attach(fd, program); err != nil {
				t.Fatal(err)
			}
			bind(t, fd, to.Index, c.protocol)
			if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, os.Getpid()&0xff00|i|unix.PACKET_FANOUT_CBPF<<16); err != nil {
				t.Fatal(os.NewSyscallError("setsockopt PACKET_FANOUT", err))
			}
			group = append(group, fd)
		}
		if err := filter.AttachFanout(group[0], (&filter.Fanout{}).Program()); err != nil {
			t.Fatal(err)
		}
		used, dst := map[int]int{}, c.dst
		for range 40 {
			list := c.fragments(c.src, dst, "12345678")
			if c.protocol == unix.ETH_P_IPV6 || dst.Is6() {
				for _, p := range list { // all of them for the filter, too
					p[40] = 253
				}
			}
			for _, p := range list {
				send(p)
			}
			got, in := 0, map[int]int{}
			for deadline := time.Now().Add(5 * time.Second); got < len(list) && time.Now().Before(deadline); {
				for q, fd := range group {
					if n := count(fd); n > 0 {
						got += n
						in[q] += n
						used[q] += n
					}
				}
			}
			if len(in) != 1 {
				t.Errorf("%s: the fragments to %v are in queues %v", c.name, dst, in)
			}
			if got != len(list) {
				t.Fatalf("%s: %d of %d fragments came", c.name, got, len(list))
			}
			dst = dst.Next()
		}
		if len(used) < 3 {
			t.Errorf("%s: 40 datagrams used the queues %v of 4", c.name, used)
		}
	}
}
