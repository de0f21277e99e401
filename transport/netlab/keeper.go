// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"protean/transport/internal/netns"
)

// A keeper starts a node's processes, all from one thread inside the namespace.
// The kernel sends a parent-death signal when the thread that forked ends, not
// when the process does (prctl(2), PR_SET_PDEATHSIG), so that thread is kept
// until the lab is closed. It exists from the first Start on.
type keeper struct {
	start   chan startRequest
	closing chan struct{} // closed by close
	done    chan struct{} // closed when the thread has been given back, or never was
	once    *sync.Once    // around starting the goroutine
	stop    *sync.Once    // around closing
}

type startRequest struct {
	cmd   *exec.Cmd
	reply chan<- error
}

func newKeeper() keeper {
	return keeper{
		start:   make(chan startRequest),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		once:    new(sync.Once),
		stop:    new(sync.Once),
	}
}

// Start starts cmd like cmd.Start, inside the node's namespace. The process is
// killed when the lab is closed and when this process dies; processes it
// started itself are not. The caller must still call cmd.Wait.
// After Close, Start returns an error that matches [os.ErrClosed].
func (n *Node) Start(cmd *exec.Cmd) error {
	n.keeper.once.Do(func() { go n.keeper.run(n.ns) })
	dieWithParent(cmd)
	reply := make(chan error, 1)
	select {
	case n.keeper.start <- startRequest{cmd, reply}:
		return <-reply
	case <-n.keeper.closing:
		return fmt.Errorf("netlab: start in node %q: %w", n.name, os.ErrClosed)
	}
}

// Run runs a program inside the node's namespace, waits for it, and returns
// what it wrote to its standard output and standard error together. It is
// killed when ctx ends. The error is that of [exec.Cmd.Wait]: *exec.ExitError
// if the exit code was not 0.
func (n *Node) Run(ctx context.Context, name string, args ...string) ([]byte, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	// Not for ever for a grandchild that holds the pipe open.
	cmd.WaitDelay = time.Second
	if err := n.Start(cmd); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	return out.Bytes(), err
}

func (k *keeper) run(ns *netns.Handle) {
	defer close(k.done)
	err := ns.Do(func() error {
		var started []*os.Process
		for {
			select {
			case r := <-k.start:
				err := r.cmd.Start()
				if err == nil {
					started = append(started, r.cmd.Process)
				}
				r.reply <- err
			case <-k.closing:
				for _, p := range started {
					p.Kill() // refused if it was waited for already
				}
				return nil
			}
		}
	})
	for err != nil { // the namespace could not be entered
		select {
		case r := <-k.start:
			r.reply <- err
		case <-k.closing:
			return
		}
	}
}

func (k *keeper) close(ns *netns.Handle) {
	k.stop.Do(func() { close(k.closing) })
	k.once.Do(func() { close(k.done) })
	<-k.done
}
