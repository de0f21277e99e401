// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package querier_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"protean/docs/examples/querier"
	"protean/proto"
	"protean/transport/netlab"
	"protean/transport/rawip"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }

// The kernel at the other end reports the groups that its programs join and leave.
func TestAKernelReportsItsGroups(t *testing.T) {
	for _, c := range []struct {
		v6    bool
		group string
	}{{false, "239.1.2.3"}, {true, "ff15::1234"}} {
		t.Run(c.group, func(t *testing.T) {
			lab := netlab.Test(t, netlab.Pair())
			reports := make(chan string, 100)
			q := &querier.Querier{
				V6: c.v6, Interface: "eth0", Interval: time.Second, Response: 100 * time.Millisecond,
				Report: func(host, group netip.Addr, joined bool) {
					select {
					case reports <- fmt.Sprint(host, group, joined):
					default:
					}
				},
			}
			b := lab.Node("b")
			host := b.Addr4()
			if c.v6 {
				host = b.Interfaces()[0].LinkLocal
			}
			group := netip.MustParseAddr(c.group)

			var listener *net.UDPConn
			check(t, b.Do(func() (err error) {
				// By index: package net remembers names across namespaces.
				ifi, err := net.InterfaceByIndex(b.Interfaces()[0].Index)
				if err == nil {
					listener, err = net.ListenMulticastUDP("udp", ifi, &net.UDPAddr{IP: group.AsSlice(), Port: 9})
				}
				return err
			}))
			defer listener.Close()
			run(t, lab.Node("a"), q)
			want := func(report string) {
				t.Helper()
				deadline := time.After(15 * time.Second)
				var others []string
				for {
					select {
					case r := <-reports:
						if r == report {
							return
						}
						others = append(others, r)
					case <-deadline:
						t.Fatalf("no report %q, but %q", report, others)
					}
				}
			}
			want(fmt.Sprint(host, group, true))
			check(t, listener.Close())
			want(fmt.Sprint(host, group, false))
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, n *netlab.Node, q *querier.Querier) {
	tr, err := rawip.Open(&rawip.Config{NetNS: n.NetNS()})
	check(t, err)
	h, err := proto.NewHost(tr, nil)
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	_, err = h.HandleWith(q, q.Options())
	check(t, err)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		check(t, <-done)
		check(t, tr.Close())
	})
}
