// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"protean/transport/sim"
)

// Play has happen to the network what a script says, see [Script]. All of it is
// checked first: the test ends if a name is not known or a time has passed.
func (n *Net) Play(tb testing.TB, script string) {
	tb.Helper()
	s, err := ParseScript(script)
	if err != nil {
		tb.Fatal(err)
	}
	actions := make([]func() error, len(s))
	for i, st := range s {
		var reason string
		if actions[i], reason = n.action(st); reason != "" {
			tb.Fatal(&ScriptError{st.Line, st.String(), reason})
		}
	}
	for i, st := range s {
		err := n.Sim.At(n.start.Add(st.At), func() {
			if err := actions[i](); err != nil {
				tb.Error(&ScriptError{st.Line, st.String(), err.Error()})
			}
		})
		if err != nil {
			tb.Fatal(&ScriptError{st.Line, st.String(), err.Error()})
		}
	}
}

// action returns what a step does, or why it cannot.
func (n *Net) action(s Step) (f func() error, reason string) {
	switch s.Op {
	case OpUp, OpDown:
		l, reason := n.findLink(s.Args[0])
		return func() error { l.SetUp(s.Op == OpUp); return nil }, reason
	case OpHeal:
		return func() error { n.Sim.Heal(); return nil }, ""
	case OpPartition:
		var sides [][]*sim.Node
		for _, g := range s.groups() {
			var side []*sim.Node
			for _, name := range g {
				node, reason := n.findNode(name)
				if reason != "" {
					return nil, reason
				}
				side = append(side, node)
			}
			sides = append(sides, side)
		}
		return func() error { _, err := n.Sim.Partition(sides...); return err }, ""
	case OpCrash:
		node, reason := n.findNode(s.Args[0])
		return func() error { node.Crash(); return nil }, reason
	case OpRestart:
		node, reason := n.findNode(s.Args[0])
		return func() error { return node.Restart() }, reason
	case OpAddress:
		return n.readdress(s.Args[0], s.Args[1])
	}
	return nil, fmt.Sprintf("there is no %q", s.Op)
}

func (n *Net) findNode(name string) (*sim.Node, string) {
	if nd := n.Sim.Find(name); nd != nil {
		return nd, ""
	}
	var names []string
	for _, nd := range n.Sim.Nodes() {
		names = append(names, nd.Name())
	}
	return nil, fmt.Sprintf("there is no node %q, but %s", name, strings.Join(names, ", "))
}

// findLink finds a link by its name or those of the nodes at its ends, "a-b".
func (n *Net) findLink(name string) (*sim.Link, string) {
	if l := n.Sim.FindLink(name); l != nil {
		return l, ""
	}
	var found []*sim.Link
	var names []string
	for _, l := range n.Links {
		if name == l.A+"-"+l.B || name == l.B+"-"+l.A {
			found = append(found, l.Link)
		}
		names = append(names, l.A+"-"+l.B)
	}
	switch len(found) {
	case 0:
		return nil, fmt.Sprintf("there is no link %q, but %s", name, strings.Join(names, ", "))
	case 1:
		return found[0], ""
	}
	return nil, fmt.Sprintf("there are %d links %q; one is named %s", len(found), name, found[0].Name())
}

// readdress returns what gives an interface another address of a family.
func (n *Net) readdress(where, to string) (f func() error, reason string) {
	prefix, err := netip.ParsePrefix(to)
	if err != nil {
		return nil, fmt.Sprintf("%q is no address with the length of its prefix", to)
	}
	name, ifname, has := strings.Cut(where, ":")
	if !has {
		ifname = "eth0"
	}
	node, reason := n.findNode(name)
	if reason != "" {
		return nil, reason
	}
	port := node.Port(ifname)
	if port == nil {
		return nil, fmt.Sprintf("%s has no interface %q", name, ifname)
	}
	return func() error {
		for _, old := range port.Prefixes() {
			if old.Addr().Is4() == prefix.Addr().Is4() {
				if err := port.RemoveAddress(old.Addr()); err != nil {
					return err
				}
			}
		}
		return port.AddAddress(prefix)
	}, ""
}
