// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/proto/wire"
	"protean/transport"
)

// noise is n bytes that differ from place to place.
func noise(n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{byte(n)})
	rng.Read(b)
	return b
}

func TestPacketsAboveTheMTUArriveWhole(t *testing.T) {
	cfg := &prototest.Config{}
	cfg.Link.Reorder = 0.2
	cfg.Link.Duplicate = 0.2
	cfg.Link.Delay = time.Millisecond
	n := prototest.Pair(t, cfg)
	r := n.B.Record(t, 253)
	b := n.A.Record(t, 253).Binding
	for _, size := range []int{1460, 1461, 1480, 1481, 2960, 2961, 9000, 30_000, 65_475} {
		for _, hd := range []proto.Header{
			{Dst: n.B.Addr4},
			{Dst: n.B.Addr6},
			{Dst: n.B.Addr4, TTL: 9, TOS: 0xb9, ID: uint32(size%60_000 + 1), Frag: proto.FragAllow, Options: []byte{148, 4, 0, 0}},
			{Dst: n.B.Addr6, TTL: 9, TOS: 0xb9, FlowLabel: 0x12345, Ext: []wire.Ext{{Type: wire.ExtDestination, Data: []byte{1, 4, 0, 0, 0, 0}}}},
		} {
			payload := noise(size)
			b.Do(func(env *proto.Env) {
				if err := env.Send(hd, payload); err != nil {
					t.Fatalf("%d bytes to %v: %v", size, hd.Dst, err)
				}
			})
			seen := len(r.Packets())
			n.Run(t, time.Second)
			ps := r.Packets()[seen:] // more than one if the link duplicated it
			if len(ps) == 0 || !bytes.Equal(ps[0].Payload(), payload) {
				t.Fatalf("%d bytes to %v arrived changed or not at all", size, hd.Dst)
			}
			p := ps[0]
			if p.Fragment() || (p.FragSize != 0) != (len(p.Data) > 1500) || p.FragSize > 1500 {
				t.Errorf("%d bytes to %v: a fragment %v, the largest was of %d bytes", size, hd.Dst, p.Fragment(), p.FragSize)
			}
			if hd.TTL != 0 && (p.TTL() != 9 || p.TOS() != 0xb9 || p.FlowLabel() != hd.FlowLabel ||
				len(p.Options()) != len(hd.Options) || (p.Ext() != nil) != (hd.Ext != nil) || uint32(p.ID()) != hd.ID && hd.ID != 0) {
				t.Errorf("%d bytes to %v: header % x", size, hd.Dst, p.Header())
			}
		}
	}
	if s := addsUp(t, n.B.Host); s.Reassembled == 0 || s.Dropped[transport.Duplicate]+s.Held == 0 {
		t.Errorf("put together %d, duplicates %d, held %d", s.Reassembled, s.Dropped[transport.Duplicate], s.Held)
	}
}

func TestFragModesDecideAboutCutting(t *testing.T) {
	n := prototest.Pair(t, nil)
	r := n.B.Record(t, 253)
	b := n.A.Record(t, 253).Binding
	sent := 0
	for _, dst := range []netip.Addr{n.B.Addr4, n.B.Addr6} {
		for mode, allowed := range map[proto.FragMode]bool{
			proto.FragAuto: true, proto.FragAllow: true, proto.FragNever: false, proto.FragProbe: false,
		} {
			b.Do(func(env *proto.Env) {
				err := env.Send(proto.Header{Dst: dst, Frag: mode}, make([]byte, 3000))
				var big *transport.TooBigError
				if allowed != (err == nil) || !allowed && (!errors.As(err, &big) || big.MTU != 1500 || !errors.Is(err, syscall.EMSGSIZE)) {
					t.Errorf("mode %d to %v: %v", mode, dst, err)
				}
			})
			if allowed {
				sent++
			}
		}
	}
	n.Run(t, time.Second)
	if got := len(r.Packets()); got != sent {
		t.Errorf("%d packets arrived, want %d", got, sent)
	}
	if s := b.Stats(); s.SendDropped[transport.TooBig] != 4 {
		t.Errorf("%d too big, want 4", s.SendDropped[transport.TooBig])
	}
}

func TestOverlappingFragmentsAreDropped(t *testing.T) {
	n := prototest.Pair(t, nil)
	r := n.B.Record(t, 253)
	whole := noise(2000)
	fragment(t, n, 0, whole[:1000], true)
	fragment(t, n, 992, whole[992:], false) // eight bytes are in both
	n.Run(t, time.Second)
	s := addsUp(t, n.B.Host)
	if s.Dropped[transport.FragmentOverlap] != 2 || s.Held != 0 || len(r.Packets()) != 0 {
		t.Errorf("%d dropped for overlap, %d held, %d packets; want 2, 0, 0", s.Dropped[transport.FragmentOverlap], s.Held, len(r.Packets()))
	}
}

func TestFragmentsThatStayAloneTimeOut(t *testing.T) {
	n := prototest.Pair(t, nil)
	r := n.B.Record(t, 253)
	start := n.Sim.Now()
	fragment(t, n, 0, noise(1000), true)
	n.Run(t, time.Second)
	if s := addsUp(t, n.B.Host); s.Held != 1 {
		t.Fatalf("%d held, want 1", s.Held)
	}
	n.RunUntil(t, time.Hour, func() bool { return n.B.Host.Stats().Held == 0 })
	if d := n.Sim.Now().Sub(start); d < 30*time.Second || d > 31*time.Second {
		t.Errorf("given up after %v, want 30s", d)
	}
	s := addsUp(t, n.B.Host)
	if s.Dropped[transport.FragmentTimeout] != 1 || len(r.Packets()) != 0 {
		t.Errorf("%d timed out, want 1; %d packets, want 0", s.Dropped[transport.FragmentTimeout], len(r.Packets()))
	}
}

func TestImpossibleFragmentsAreDropped(t *testing.T) {
	n := prototest.Pair(t, nil)
	n.B.Record(t, 253)
	fragment(t, n, 0, noise(1001), true)       // no multiple of eight
	fragment(t, n, 65528, noise(1000), false)  // beyond what a packet can hold
	fragmentOf(t, n, 77, 0, noise(1000), true) // of a protocol that nobody handles
	n.Run(t, time.Second)
	if s := addsUp(t, n.B.Host); s.Dropped[transport.FragmentMalformed] != 2 || s.Held != 0 {
		t.Errorf("%d dropped as malformed, %d held; want 2 and 0", s.Dropped[transport.FragmentMalformed], s.Held)
	}
}

func fragment(t *testing.T, n *prototest.Net, offset int, data []byte, more bool) {
	t.Helper()
	fragmentOf(t, n, 253, offset, data, more)
}

// fragmentOf sends an IPv4 fragment from A to B, as it is.
func fragmentOf(t *testing.T, n *prototest.Net, protocol uint8, offset int, data []byte, more bool) {
	t.Helper()
	b := make([]byte, 20+len(data))
	b[0], b[8], b[9] = 0x45, 64, protocol
	b[2], b[3] = byte(len(b)>>8), byte(len(b))
	b[4], b[5] = 1, 1
	b[6], b[7] = byte(offset/8>>8), byte(offset/8)
	if more {
		b[6] |= 0x20
	}
	copy(b[12:], n.A.Addr4.AsSlice())
	copy(b[16:], n.B.Addr4.AsSlice())
	copy(b[20:], data)
	q := n.A.T.Queues()[0]
	var batch transport.Batch
	if err := q.Reserve(&batch, 1); err != nil {
		t.Fatal(err)
	}
	batch.Slots[0].Data = append(batch.Slots[0].Data, b...)
	if _, err := q.Commit(&batch, 1); err != nil {
		t.Fatal(err)
	}
}

func TestAHandlerThatWantsFragmentsGetsThem(t *testing.T) {
	n := prototest.Pair(t, nil)
	var got []string
	n.B.RegisterWith(t, proto.HandlerFunc(func(_ *proto.Env, p *proto.Packet) error {
		got = append(got, fmt.Sprintf("%v %d", p.Fragment(), len(p.Payload())))
		return nil
	}), &proto.Options{Protocols: []uint8{253}, Fragments: true})
	n.A.Send(t, 253, n.B.Addr4, make([]byte, 2000))
	n.A.Send(t, 253, n.B.Addr4, make([]byte, 100))
	n.Run(t, time.Second)
	if fmt.Sprint(got) != "[true 1480 true 520 false 100]" {
		t.Errorf("got %v", got)
	}
	addsUp(t, n.B.Host)
}

func TestCuttingAndPuttingTogetherAllocatesNothing(t *testing.T) {
	n := prototest.Pair(t, nil)
	got := 0
	n.B.Register(t, 253, proto.HandlerFunc(func(_ *proto.Env, p *proto.Packet) error {
		got += len(p.Payload())
		return nil
	}))
	b := n.A.Record(t, 253).Binding
	payload := noise(9000)
	send := func(env *proto.Env) {
		for _, dst := range []netip.Addr{n.B.Addr4, n.B.Addr6} {
			if err := env.Send(proto.Header{Dst: dst}, payload); err != nil {
				t.Error(err)
			}
		}
	}
	noAllocs(t, "datagrams in fragments", func() {
		b.Do(send)
		n.Run(t, time.Millisecond)
	})
	if got < 18_000*100 {
		t.Errorf("%d bytes arrived", got)
	}
}
