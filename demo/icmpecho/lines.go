// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"fmt"
	"io"
	"sync"
)

// maxPending is how much output waits for a terminal or pipe that does not
// take it.
const maxPending = 1 << 20

// lines is a writer that never makes its caller wait, since a stopped terminal
// must not stop the requests: what is written goes out on a goroutine. Output
// for which there is no room is left out, and said to be.
type lines struct {
	w     io.Writer
	ready chan struct{} // something to do; one place
	ended chan struct{}

	mu      sync.Mutex
	pending []byte
	lost    int // calls of Write left out
	closed  bool
}

func newLines(w io.Writer) *lines {
	l := &lines{w: w, ready: make(chan struct{}, 1), ended: make(chan struct{})}
	go l.run()
	return l
}

// Write takes p or leaves all of it out.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	if len(l.pending)+len(p) > maxPending {
		l.lost++
	} else {
		l.pending = append(l.pending, p...)
	}
	l.mu.Unlock()
	l.wake()
	return len(p), nil
}

func (l *lines) wake() {
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

func (l *lines) run() {
	defer close(l.ended)
	var spare []byte
	for range l.ready {
		l.mu.Lock()
		out, lost, closed := l.pending, l.lost, l.closed
		l.pending, l.lost = spare[:0], 0
		l.mu.Unlock()
		if lost > 0 {
			out = fmt.Appendf(out, "(%d lines left out here)\n", lost)
		}
		if len(out) > 0 {
			_, _ = l.w.Write(out) // there is nobody to tell
		}
		spare = out
		if closed {
			return
		}
	}
}

// Close waits until everything is written.
func (l *lines) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.wake()
	<-l.ended
}
