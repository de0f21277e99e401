// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"protean/demo/customproto/xfer"
	"protean/transport/netlab"
	"protean/transport/rawip"
)

// labTransfer transfers a file over raw sockets between two network
// namespaces, in real time.
func labTransfer(ctx context.Context, size int64, v6 bool, stdout, stderr io.Writer) error {
	code, done, err := netlab.Enter()
	if err != nil {
		return err
	}
	if done { // it ran in another process, with the privileges for it
		return exitError(code)
	}
	lab, err := netlab.New(netlab.Pair())
	if err != nil {
		return err
	}
	defer lab.Close()
	a, b := lab.Node("a"), lab.Node("b")
	peer := b.Addr4()
	if v6 {
		peer = b.Addr6()
	}
	if !peer.IsValid() {
		return errors.New("this kernel has no IPv6")
	}
	fmt.Fprintf(stdout, "Two network namespaces, a wire of 1500 bytes between them, raw sockets, to %v\n", peer)

	tb, err := rawip.Open(&rawip.Config{NetNS: b.NetNS(), Rate: windowRate})
	if err != nil {
		return err
	}
	defer tb.Close()
	ta, err := rawip.Open(&rawip.Config{NetNS: a.NetNS()})
	if err != nil {
		return err
	}
	defer ta.Close()

	hostA, err := start(ctx, ta)
	if err != nil {
		return err
	}
	defer hostA.stop()
	hostB, err := start(ctx, tb)
	if err != nil {
		return err
	}
	defer hostB.stop()

	down, err := hostB.download(xfer.ReceiverConfig{}, xfer.Protocol, nowhere{})
	if err != nil {
		return err
	}
	up, err := hostA.upload(xfer.SenderConfig{Peer: peer, Name: "lab", Size: size}, xfer.Protocol, randomFile(1))
	if err != nil {
		return err
	}
	received := make(chan error, 1)
	go func() { received <- down.Run(hostB.ctx) }()
	err = follow(stderr, size, up.Stats, func() error { return up.Run(hostA.ctx) })
	if err != nil {
		hostB.cancel(err)
	}
	if err := errors.Join(err, <-received); err != nil {
		return err
	}
	if err := report(stdout, up, down); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "  kernel    %d packets dropped in front of full receive buffers\n", hostA.Stats().Transport.Lost+hostB.Stats().Transport.Lost)
	return nil
}
