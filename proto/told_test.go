// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"net/netip"

	"protean/proto"
)

// told is a handler that passes on what it is told of the network.
type told struct {
	errors chan proto.NetworkError
	paths  chan pathChange
}

type pathChange struct {
	dst netip.Addr
	mtu int
}

func newTold() *told {
	return &told{errors: make(chan proto.NetworkError, 100), paths: make(chan pathChange, 100)}
}

func (*told) HandlePacket(*proto.Env, *proto.Packet) error { return nil }

func (r *told) HandleError(_ *proto.Env, e *proto.NetworkError) error {
	c := *e
	c.Quoted = append([]byte{}, e.Quoted...)
	r.errors <- c
	return nil
}

func (r *told) HandlePathMTU(_ *proto.Env, dst netip.Addr, mtu int) error {
	r.paths <- pathChange{dst, mtu}
	return nil
}
