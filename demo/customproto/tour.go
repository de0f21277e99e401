// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"time"

	"protean/demo/customproto/xfer"
	"protean/proto"
	"protean/transport/sim"
)

// A tour is a transfer between two hosts in memory. The network is stepped: it
// has a time of its own, and the same seed gives the same result everywhere.
type tour struct {
	seed  uint64
	loss  float64
	delay time.Duration
	rate  int64 // bits per second, 0: no limit
	size  int64 // bytes
	v6    bool
	pace  bool // not faster than real time, to be watched
}

// tick is how far the network goes in one step of the tour.
const tick = 5 * time.Millisecond

// run does the transfer and prints its figures.
func (o *tour) run(ctx context.Context, stdout, stderr io.Writer) error {
	network := sim.New(&sim.Config{Seed: o.seed})
	defer network.Close()
	link := sim.LinkConfig{
		Delay: o.delay, Rate: o.rate,
		Loss: o.loss, Reorder: o.loss / 5, Duplicate: o.loss / 5,
	}
	a, b, wire, err := connect(network, &link)
	if err != nil {
		return err
	}
	hostA, err := attach(network, a, o.seed+1)
	if err != nil {
		return err
	}
	hostB, err := attach(network, b, o.seed+2)
	if err != nil {
		return err
	}
	peer := addrB4
	if o.v6 {
		peer = addrB6
	}
	fmt.Fprintf(stdout, "Two hosts in memory: link of %v, %s, %.3g %% loss, some reordering and duplication; seed %d\n",
		o.delay, bitRate(float64(o.rate)), o.loss*100, o.seed)

	receiver := xfer.NewReceiver(nil)
	bindingB, err := hostB.HandleWith(receiver, xfer.Options(xfer.Protocol))
	if err != nil {
		return err
	}
	defer bindingB.Close()
	sender := xfer.NewSender(xfer.SenderConfig{Peer: peer, Name: "tour", Size: o.size})
	bindingA, err := hostA.HandleWith(sender, xfer.Options(xfer.Protocol))
	if err != nil {
		return err
	}
	defer bindingA.Close()
	up := xfer.NewUpload(bindingA, sender, randomFile(o.seed))
	down := xfer.NewDownload(bindingB, receiver, nowhere{})

	if err := o.drive(ctx, network, up, down, stderr); err != nil {
		return err
	}
	if err := report(stdout, up, down); err != nil {
		return err
	}
	forth, back := wire.Stats()
	fmt.Fprintf(stdout, "  link      %d packets lost, %d duplicated, %d reordered, %d did not fit into its queue\n",
		forth.Lost+back.Lost, forth.Duplicated+back.Duplicated, forth.Reordered+back.Reordered, forth.QueueDropped+back.QueueDropped)
	fmt.Fprintln(stdout, "Between real hosts, as root: customproto recv on one, customproto send FILE ADDRESS on the other.")
	return nil
}

// drive lets time pass until both sides are done.
func (o *tour) drive(ctx context.Context, network *sim.Network, up *xfer.Upload, down *xfer.Download, stderr io.Writer) error {
	bar := newProgress(stderr, o.size)
	defer bar.end()
	began, epoch := time.Now(), network.Now()
	var upDone, downDone bool
	var upErr, downErr error
	for !upDone || !downDone {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := network.Run(tick); err != nil {
			return err
		}
		if !upDone {
			upDone, upErr = up.Step()
		}
		if !downDone {
			downDone, downErr = down.Step()
		}
		st, err := up.Stats()
		if err != nil {
			return err
		}
		bar.show(st)
		if o.pace {
			time.Sleep(network.Now().Sub(epoch) - time.Since(began))
		}
	}
	return errors.Join(upErr, downErr)
}

// The addresses of the two hosts.
var (
	addrA4, addrB4 = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	addrA6, addrB6 = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
)

// connect makes two nodes with a link between them.
func connect(network *sim.Network, cfg *sim.LinkConfig) (a, b *sim.Node, link *sim.Link, err error) {
	if a, err = network.Node("a"); err != nil {
		return nil, nil, nil, err
	}
	if b, err = network.Node("b"); err != nil {
		return nil, nil, nil, err
	}
	portA, err := a.AddInterface("eth0", netip.PrefixFrom(addrA4, 24), netip.PrefixFrom(addrA6, 64))
	if err != nil {
		return nil, nil, nil, err
	}
	portB, err := b.AddInterface("eth0", netip.PrefixFrom(addrB4, 24), netip.PrefixFrom(addrB6, 64))
	if err != nil {
		return nil, nil, nil, err
	}
	link, err = network.Connect(portA, portB, cfg)
	return a, b, link, err
}

// attach runs a host on a node.
func attach(network *sim.Network, node *sim.Node, seed uint64) (*proto.Host, error) {
	t, err := node.Open(nil)
	if err != nil {
		return nil, err
	}
	host, err := proto.NewHost(t, &proto.Config{Seed: seed})
	if err != nil {
		return nil, err
	}
	return host, network.Attach(t, host)
}

// randomFile is a file without end that does not compress.
func randomFile(seed uint64) io.Reader {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return rand.NewChaCha8(key)
}

// nowhere is a store that keeps nothing: what counts is the SHA-256.
type nowhere struct{}

func (nowhere) Create(xfer.Offer, netip.Addr) (xfer.File, error) { return nowhere{}, nil }
func (nowhere) Write(p []byte) (int, error)                      { return len(p), nil }
func (nowhere) Commit() error                                    { return nil }
func (nowhere) Discard()                                         {}
