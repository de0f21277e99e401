// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"io"

	"protean/demo/icmpecho/echo"
	"protean/proto"
)

// A session is one run of ping: a Pinger for each target, and what they print.
type session struct {
	pingers  []*echo.Pinger
	texts    []*echo.Text
	bindings []*proto.Binding
}

// newSession prepares pingers for the targets. change, if not nil, completes
// each configuration; ended is called when the last of them is over.
func newSession(o *pingOptions, targets []target, out, err io.Writer, change func(*echo.Config), ended func()) *session {
	s := &session{}
	for i, t := range targets {
		cfg := o.config(i, len(targets))
		cfg.Dst = t.addr
		if change != nil {
			change(&cfg)
		}
		text := &echo.Text{
			Out: out, Err: err, Program: program, Host: t.host, Name: t.name, Addr: t.addr,
			Size: o.size, Stamps: o.stamps, Quiet: o.quiet,
		}
		if src, ok := o.source(); ok {
			text.Source = src
		} else {
			text.Device = o.from
		}
		cfg.Report, cfg.Done = text.Event, ended
		s.texts = append(s.texts, text)
		s.pingers = append(s.pingers, &echo.Pinger{Config: cfg})
	}
	return s
}

// start registers the pingers and prints the head lines.
func (s *session) start(h *proto.Host) error {
	for _, p := range s.pingers {
		b, err := h.HandleWith(p, &proto.Options{Protocols: []uint8{p.Protocol()}, Shared: true})
		if err != nil {
			return err
		}
		s.bindings = append(s.bindings, b)
	}
	for i, t := range s.texts {
		if t.Device != "" && !t.Source.IsValid() {
			t.Source = s.pingers[i].Source()
		}
		t.Head()
	}
	return nil
}

// each has f called on the loop for each pinger.
func (s *session) each(f func(*proto.Env, *echo.Pinger, *echo.Text)) {
	for i, b := range s.bindings {
		// The error is that the binding is closed, and with it the pinger over.
		_ = b.Post(func(env *proto.Env) { f(env, s.pingers[i], s.texts[i]) })
	}
}

// close ends the bindings, prints the statistics and returns errNoAnswer if a
// host has not answered, or not often enough.
func (s *session) close(o *pingOptions) (err error) {
	for i, b := range s.bindings {
		if e := b.Close(); e != nil {
			return e
		}
		stats := s.pingers[i].Stats()
		s.texts[i].Summary(&stats)
		if stats.Received == 0 || o.deadline > 0 && stats.Received < o.count {
			err = errNoAnswer
		}
	}
	return err
}
