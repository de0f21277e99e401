// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"context"
	"io"

	"protean/demo/customproto/xfer"
	"protean/proto"
	"protean/transport"
)

// A liveHost is a host that runs in the background.
type liveHost struct {
	*proto.Host
	ctx    context.Context // ends when the host can run no longer
	cancel context.CancelCauseFunc
	ended  chan struct{}
	close  []func() error
}

// start runs a host over t.
func start(ctx context.Context, t transport.Transport) (*liveHost, error) {
	h, err := proto.NewHost(t, nil)
	if err != nil {
		return nil, err
	}
	l := &liveHost{Host: h, ended: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	go func() {
		defer close(l.ended)
		l.cancel(h.Run(l.ctx))
	}()
	return l, nil
}

// stop ends the transfers, which tells their peers, and then the host.
func (l *liveHost) stop() {
	for _, f := range l.close {
		f() // idempotent, and its only error is not one here
	}
	l.cancel(nil)
	<-l.ended
}

// upload offers a file.
func (l *liveHost) upload(cfg xfer.SenderConfig, protocol uint8, file io.Reader) (*xfer.Upload, error) {
	s := xfer.NewSender(cfg)
	b, err := l.HandleWith(s, xfer.Options(protocol))
	if err != nil {
		return nil, err
	}
	l.close = append(l.close, b.Close)
	return xfer.NewUpload(b, s, file), nil
}

// download waits for a file.
func (l *liveHost) download(cfg xfer.ReceiverConfig, protocol uint8, store xfer.Store) (*xfer.Download, error) {
	r := xfer.NewReceiver(&cfg)
	b, err := l.HandleWith(r, xfer.Options(protocol))
	if err != nil {
		return nil, err
	}
	l.close = append(l.close, b.Close)
	return xfer.NewDownload(b, r, store), nil
}

// windowRate is the packet rate for which rawip sizes its receive buffers: they
// hold the packets of 50 ms, and so all that a window of 4 MiB lets a sender
// have on its way.
const windowRate = 20 * 3000
