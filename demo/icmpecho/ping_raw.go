// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"protean/demo/icmpecho/echo"
	"protean/proto"
	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/ping"
	"protean/transport/rawip"
)

// pingLive runs pingers over raw or packet sockets.
func pingLive(c *cobra.Command, o *pingOptions, args []string) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	targets, err := resolve(ctx, o, args)
	if err != nil {
		return err
	}
	device, err := o.device()
	if err != nil {
		return err
	}
	t, err := o.open(targets, device)
	if err != nil {
		return o.openError(err)
	}
	defer t.Close()
	h, err := proto.NewHost(t, nil)
	if err != nil {
		return err
	}
	out, errs := newLines(c.OutOrStdout()), newLines(c.ErrOrStderr())
	defer errs.Close()
	defer out.Close()
	var left atomic.Int64
	left.Store(int64(len(targets)))
	src, _ := o.source()
	s := newSession(o, targets, out, errs, func(e *echo.Config) {
		e.Src = src.WithZone("")
		if device != nil && e.Dst.Zone() == "" {
			e.IfIndex = device.Index
		}
	}, func() {
		if left.Add(-1) == 0 {
			cancel()
		}
	})
	if err := s.start(h); err != nil {
		return startError(err)
	}
	stop := s.onSignals()
	defer stop()
	if err := h.Run(ctx); err != nil {
		return err
	}
	return s.close(o)
}

// open opens the transport that --transport names.
func (o *pingOptions) open(targets []target, device *net.Interface) (transport.Transport, error) {
	cfg := o.rawConfig(targets, device)
	unprivileged := &ping.Config{V4: cfg.V4, V6: cfg.V6, Interface: cfg.Interface}
	switch o.transport {
	case "packet":
		return openPacket(device.Name, cfg.V4, cfg.V6)
	case "ping":
		return ping.Open(unprivileged)
	}
	t, err := rawip.Open(cfg)
	if !errors.Is(err, fs.ErrPermission) {
		return t, err
	}
	if t, pingErr := ping.Open(unprivileged); pingErr == nil {
		return t, nil
	}
	return nil, err
}

// openPacket opens packet sockets on an interface, with a ring in which
// packets are there at once.
func openPacket(device string, v4, v6 bool) (transport.Transport, error) {
	return afpacket.Open(&afpacket.Config{Interface: device, V4: v4, V6: v6, Ring: afpacket.V2})
}

// device is the interface that -I gives, nil if it gives none.
func (o *pingOptions) device() (*net.Interface, error) {
	if _, isAddr := o.source(); isAddr || o.from == "" {
		return nil, nil
	}
	device, err := net.InterfaceByName(o.from)
	if err != nil {
		return nil, fmt.Errorf("-I %s: there is no such interface", o.from)
	}
	return device, nil
}

// rawConfig says which sockets are needed.
func (o *pingOptions) rawConfig(targets []target, device *net.Interface) *rawip.Config {
	cfg := &rawip.Config{}
	for _, t := range targets {
		cfg.V4 = cfg.V4 || t.addr.Is4()
		cfg.V6 = cfg.V6 || t.addr.Is6()
	}
	if device != nil {
		cfg.Interface = device.Name
	}
	if src, ok := o.source(); ok && src.Is4() {
		cfg.Local4 = src
	} else if ok {
		cfg.Local6 = src
	}
	return cfg
}

// openError explains why no sockets could be opened.
func (o *pingOptions) openError(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("-I %s: is not an address of this host", o.from)
	case errors.Is(err, syscall.EAFNOSUPPORT):
		return errors.New("this host lacks one of the families needed, IPv4 or IPv6")
	}
	return err
}

// startError explains why a pinger does not start.
func startError(err error) error {
	var op *net.OpError
	var errno syscall.Errno
	if errors.As(err, &op) && op.Addr != nil && errors.As(err, &errno) {
		return fmt.Errorf("%v: %w", op.Addr, errno)
	}
	return err
}

// onSignals ends the pingers on SIGINT and SIGTERM, and has them tell how far
// they are on SIGQUIT, until stop is called.
func (s *session) onSignals() (stop func()) {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case sig := <-signals:
				if sig == syscall.SIGQUIT {
					s.each(func(_ *proto.Env, p *echo.Pinger, t *echo.Text) {
						stats := p.Stats()
						t.Interim(&stats)
					})
					continue
				}
				s.each(func(env *proto.Env, p *echo.Pinger, _ *echo.Text) { p.Interrupt(env) })
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
		<-ended
	}
}
