// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/plpmtud"
	"protean/transport/sim"
)

// A prober is a protocol that sizes its packets to the path: it sends probes,
// which its peer, a probed, acknowledges by their size.
type prober struct {
	peer netip.Addr
	c    plpmtud.Config
	d    *plpmtud.Discovery
}

func (x *prober) Start(env *proto.Env) (err error) {
	x.d, err = plpmtud.Start(env, x.c, x.probe, nil)
	return err
}

func (x *prober) probe(env *proto.Env, size int) error {
	payload := make([]byte, size-header(x.peer))
	binary.BigEndian.PutUint16(payload, uint16(size))
	return env.Send(proto.Header{Dst: x.peer, Frag: proto.FragProbe}, payload)
}

func (x *prober) HandlePacket(env *proto.Env, p *proto.Packet) error {
	x.d.Acked(env, int(binary.BigEndian.Uint16(p.Payload())))
	return nil
}

func (x *prober) HandleError(env *proto.Env, e *proto.NetworkError) error {
	if e.MTU != 0 {
		x.d.TooBig(env, e.MTU)
	}
	return nil
}

func header(dst netip.Addr) int {
	if dst.Is4() {
		return 20
	}
	return 40
}

// probed acknowledges probes.
func probed(env *proto.Env, p *proto.Packet) error {
	return env.Send(proto.Header{Dst: p.Src()}, p.Payload()[:2])
}

// TestBlackHolesAreFoundByProbing in memory: behind a router that says nothing,
// and faster behind one that does.
func TestBlackHolesAreFoundByProbing(t *testing.T) {
	for name, k := range map[string]*sim.KernelConfig{"silent": {Silent: sim.AllMessages}, "talking": nil} {
		for i := range 2 {
			n := newNarrowed(t, k)
			handle(t, n.b, 253, proto.HandlerFunc(probed))
			dst := n.far[i]
			x := &prober{peer: dst, c: plpmtud.Config{Max: 1500, ProbeTimeout: time.Second, Step: 1}}
			if dst.Is6() {
				x.c.Base, x.c.Min = 1280, 1280
			}
			b := handle(t, n.a, 253, x)
			n.run(t, map[string]time.Duration{"silent": time.Minute, "talking": 100 * time.Millisecond}[name])
			if x.d.State() != plpmtud.Complete || x.d.MTU() != 1300 {
				t.Errorf("%s, %v: %v, %d bytes, want 1300", name, dst, x.d.State(), x.d.MTU())
			}
			// Packets of that size arrive, whole; larger ones do not.
			got := b.Stats().Taken
			do(t, b, func(env *proto.Env) {
				for _, size := range []int{1300, 1301} {
					if err := x.probe(env, size); err != nil {
						t.Fatal(err)
					}
				}
			})
			n.run(t, 100*time.Millisecond)
			if n := b.Stats().Taken - got; n != 1 {
				t.Errorf("%s, %v: %d of two packets arrived, want the smaller one", name, dst, n)
			}
		}
	}
}
