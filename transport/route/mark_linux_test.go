// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route_test

import (
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport/netlab"
	"protean/transport/route"
)

// TestRulesForAMarkCount has packets with a mark leave by another interface.
func TestRulesForAMarkCount(t *testing.T) {
	n, one, other := between(t)
	markRules(t, n, 1, 100)
	for _, dst := range []string{"192.0.2.0/24", "2001:db8::/32"} {
		add(t, n, kernelRoute{dst: dst, ifindex: one})
		add(t, n, kernelRoute{dst: dst, ifindex: other, table: 100})
	}
	for mark, want := range map[uint32]int{0: one, 1: other, 2: one} {
		k, err := route.Open(&route.Config{NetNS: n.NetNS(), Mark: mark})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		k.SetFreshness(time.Hour)
		for _, dst := range []string{"192.0.2.1", "2001:db8::1"} {
			d := addr(dst)
			for range 80 { // asked for, and shared
				r, err := k.Lookup(d, 0)
				if err != nil || r.IfIndex != want {
					t.Fatalf("mark %d: %v by interface %d, %v; want %d", mark, d, r.IfIndex, err, want)
				}
				d = d.Next()
			}
		}
		if answers, _ := k.Shared(); answers == 0 {
			t.Error("no answers are shared: that is no test")
		}
	}
}

// markRules has packets with a mark looked up in a table first.
func markRules(t *testing.T, n *netlab.Node, mark uint32, table uint8) {
	t.Helper()
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		change(t, n, func(c *rtnetlink.Conn) error {
			of, priority := uint32(table), uint32(100)
			return c.Rule.Add(&rtnetlink.RuleMessage{
				Family: family, Table: table, Action: unix.FR_ACT_TO_TBL,
				Attributes: &rtnetlink.RuleAttributes{Table: &of, Priority: &priority, FwMark: &mark},
			})
		})
	}
}
