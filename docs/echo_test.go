// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
	"protean/transport/rawip"
	"protean/transport/sim"
	"protean/transport/transporttest"
)

func echo(env *proto.Env, p *proto.Packet) error {
	s, err := env.Reply(p, len(p.Payload()))
	if err != nil {
		return err
	}
	copy(s.Payload(), p.Payload())
	return s.Commit()
}

// An echo responder over raw sockets. It needs CAP_NET_RAW.
func Example_echo() {
	t, err := rawip.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	h, err := proto.NewHost(t, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := h.Handle(253, proto.HandlerFunc(echo)); err != nil {
		log.Fatal(err)
	}
	log.Fatal(h.Run(context.Background()))
}

// keeper breaks a rule: it keeps the payload beyond HandlePacket.
type keeper struct {
	payload []byte
	packet  *proto.Packet
}

func (k *keeper) HandlePacket(_ *proto.Env, p *proto.Packet) error {
	k.payload = p.Payload() // wrong
	k.packet = p.Clone()    // right
	return nil
}

func Example_poison() {
	n := sim.New(nil)
	defer n.Close()
	node, _ := n.Node("a")
	t, _ := node.Open(nil)
	h, _ := proto.NewHost(transporttest.Poison(t), nil)
	n.Attach(t, h)
	k := new(keeper)
	b, _ := h.Handle(253, k)
	b.Do(func(env *proto.Env) {
		if err := env.Send(proto.Header{Dst: netip.MustParseAddr("127.0.0.1")}, []byte("hello")); err != nil {
			fmt.Println(err)
		}
	})
	n.Run(0)
	fmt.Printf("kept: % x\ncloned: %s\n", k.payload, k.packet.Payload())
	// Output:
	// kept: db db db db db
	// cloned: hello
}

// sendOne sends one packet over any transport, without a host.
func sendOne(t transport.Transport, packet []byte) error {
	q := t.Queues()[0]
	var b transport.Batch
	if err := q.Reserve(&b, 1); err != nil {
		return err // transport.ErrNoSlots: wait, and try again
	}
	b.Slots[0].Data = append(b.Slots[0].Data, packet...)
	_, err := q.Commit(&b, 1)
	if err != nil {
		q.Commit(&b, 0) // not sent: give the slot back
	}
	return err
}

func pong(env *proto.Env, p *proto.Packet) error {
	if string(p.Payload()) != "Ping" {
		return transport.Malformed // dropped, and counted as that
	}
	s, err := env.Reply(p, 4)
	if err != nil {
		return err
	}
	copy(s.Payload(), "Pong")
	return s.Commit()
}

func TestPong(t *testing.T) {
	n := prototest.Pair(t, nil)
	n.B.Register(t, 253, proto.HandlerFunc(pong))
	r := n.A.Record(t, 253)
	n.A.Send(t, 253, n.B.Addr4, []byte("Ping"))
	n.Run(t, time.Hour) // of virtual time
	r.Want(t, "Pong")
}

func TestAPacketIsSentWithoutAHost(t *testing.T) {
	n := prototest.Pair(t, nil)
	r := n.B.Record(t, 253)
	packet := append([]byte{ // sim fills in length, identification, source and checksum
		0x45, 0, 0, 0, 0, 0, 0, 0, 64, 253, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2}, "hello"...)
	if err := sendOne(n.A.T, packet); err != nil {
		t.Fatal(err)
	}
	n.Run(t, time.Second)
	r.Want(t, "hello")
	if err := sendOne(n.A.T, packet[:19]); err == nil {
		t.Error("a packet without a whole header was sent")
	}
}
