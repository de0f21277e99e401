// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"protean/demo/icmpecho/echo"
	"protean/proto"
)

// watchStats prints the statistics when they are asked for, until stop is
// called, which can be done more than once.
func watchStats(o *respondOptions, b *proto.Binding, r *echo.Responder, out io.Writer) (stop func()) {
	asked := make(chan os.Signal, 1)
	if len(statsSignals) > 0 {
		signal.Notify(asked, statsSignals...)
	}
	var tick <-chan time.Time
	var ticker *time.Ticker
	if o.stats > 0 {
		ticker = time.NewTicker(time.Duration(o.stats))
		tick = ticker.C
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-asked:
			case <-tick:
			}
			var s echo.ResponderStats
			if b.Do(func(*proto.Env) { s = r.Stats() }) == nil {
				printStats(out, s)
			}
		}
	}()
	var once sync.Once
	return func() {
		once.Do(func() {
			signal.Stop(asked)
			if ticker != nil {
				ticker.Stop()
			}
			close(done)
			<-ended
		})
	}
}

// printStats prints one line; what is zero and need not be said is left out.
func printStats(out io.Writer, s echo.ResponderStats) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests, %d answered", s.Requests, s.Answered)
	for _, c := range []struct {
		n    uint64
		text string
	}{
		{s.Duplicated, "answered twice"},
		{s.Lost, "lost on purpose"},
		{s.Held, "waiting"},
		{s.Refused, "refused for lack of room"},
		{s.Unsent, "could not be sent"},
		{s.Failed, "answers failed"},
		{s.BadChecksum, "with a bad checksum"},
		{s.Malformed, "truncated"},
		{s.NotUnicast, "to or from more than one host"},
	} {
		if c.n > 0 {
			fmt.Fprintf(&b, ", %d %s", c.n, c.text)
		}
	}
	fmt.Fprintln(out, b.String())
}
