// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"protean/demo/customproto/xfer"
)

// A progress shows how far a transfer is: as a bar on a terminal, and elsewhere
// as a line per second.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil: lines
	every time.Duration
	next  time.Duration // when to show something again
}

func newProgress(w io.Writer, size int64) *progress {
	p := &progress{w: w, every: time.Second, next: time.Second}
	if terminal(w) && size > 0 {
		p.bar = progressbar.NewOptions64(size,
			progressbar.OptionSetWriter(w),
			progressbar.OptionShowBytes(true),
			progressbar.OptionUseIECUnits(true),
			progressbar.OptionSetWidth(30),
		)
		p.every, p.next = 100*time.Millisecond, 0
	}
	return p
}

// show shows where a transfer is.
func (p *progress) show(st xfer.Stats) {
	complete := p.bar != nil && st.Bytes == st.Size
	if st.Elapsed < p.next && !complete {
		return
	}
	p.next = st.Elapsed.Truncate(p.every) + p.every
	if p.bar == nil {
		fmt.Fprintf(p.w, "  %s of %s, %s\n", byteCount(st.Bytes), byteCount(st.Size), bitRate(st.Rate()))
		return
	}
	p.bar.Describe(fmt.Sprintf("RTT %-8v resent %-5d", roundTime(st.RTT), st.Resent))
	p.bar.Set64(st.Bytes) // the writer's errors are of no interest here
}

// end leaves the bar as it is and goes to the next line.
func (p *progress) end() {
	if p.bar != nil {
		fmt.Fprintln(p.w)
	}
}

// follow calls run, which does a transfer, and shows its progress meanwhile.
func follow(w io.Writer, size int64, stats func() (xfer.Stats, error), run func() error) error {
	done := make(chan error, 1)
	go func() { done <- run() }()
	bar := newProgress(w, size)
	defer bar.end()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var err error
		over := false
		select {
		case err = <-done:
			over = true
		case <-tick.C:
		}
		if st, err := stats(); err == nil {
			bar.show(st)
		}
		if over {
			return err
		}
	}
}

// terminal reports whether w is one, or looks like it.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
