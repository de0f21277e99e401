// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package multi

import (
	"bytes"
	"math"
	"slices"

	"protean/transport"
)

// perMember is the distance of two members' indices where they would clash. The
// kernel gives out indices one by one.
const perMember = 1 << 20

// maxMembers is how many can have indices of their own.
const maxMembers = math.MaxInt32 / perMember

// place decides whether the member's interfaces need other indices than their
// own, since an earlier member uses one of them for another interface.
func (m *member) place() {
	mine := m.inner.Interfaces()
	for _, e := range m.t.members[:m.number] {
		for _, i := range e.interfaces() {
			clash := slices.ContainsFunc(mine, func(j transport.Interface) bool {
				return i.Index == j.Index && !same(&i, &j)
			})
			if clash {
				m.shift = int32(m.number) * perMember
				return
			}
		}
	}
}

func same(a, b *transport.Interface) bool {
	return a.Name == b.Name && bytes.Equal(a.HardwareAddr, b.HardwareAddr) && slices.Equal(a.Prefixes, b.Prefixes)
}

// interfaces returns the member's interfaces with our indices.
func (m *member) interfaces() []transport.Interface {
	all := m.inner.Interfaces()
	for i := range all {
		all[i].Index += int(m.shift)
	}
	return all
}

// own returns the member's own index for one of ours; 0 stays 0.
func (m *member) own(ifindex int) int {
	if ifindex == 0 {
		return 0
	}
	return ifindex - int(m.shift)
}

// has reports whether the member has an interface.
func (m *member) has(ifindex int) bool {
	return slices.ContainsFunc(m.interfaces(), func(i transport.Interface) bool { return i.Index == ifindex })
}

// Interfaces implements [transport.Transport]. An interface that several members
// have is there once, as the first of them sees it.
func (t *Transport) Interfaces() []transport.Interface {
	var out []transport.Interface
	for _, m := range t.members {
		for _, i := range m.interfaces() {
			if !slices.ContainsFunc(out, func(o transport.Interface) bool { return o.Index == i.Index }) {
				out = append(out, i)
			}
		}
	}
	return out
}
