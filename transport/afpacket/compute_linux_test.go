// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/netlab"
)

// TestPacketsComeBesideAGoroutineThatComputes has a program with one processor
// do nothing but receive, and then compute as well until packets come.
func TestPacketsComeBesideAGoroutineThatComputes(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := tap(t, a, b)
	for r, name := range []string{V3: "V3", V2: "V2", None: "no ring"} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=compute %d", roleEnv, r), "GOMAXPROCS=1")
			out := new(strings.Builder)
			cmd.Stdout, cmd.Stderr = out, out
			if err := b.Start(cmd); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case err := <-ended:
					if err != nil {
						t.Errorf("%v: %s", err, out)
					}
					return
				case <-tick.C:
					w.write(w.peer, typeIPv4, between(a, b, false, []byte("tick")))
				}
			}
		})
	}
}

// A ticked counts packets, and begins to compute with the hundredth.
type ticked struct {
	n       atomic.Int64
	compute chan bool
}

func (s *ticked) Deliver(*transport.Packet) {
	if s.n.Add(1) == 100 {
		s.compute <- true
	}
}

func (s *ticked) Event(*transport.Event) {}

// computeBeside is the program. Nothing in it makes a system call but the
// transport.
func computeBeside(ring Ring) int {
	tr, err := Open(&Config{Interface: "eth0", Ring: ring})
	if err == nil {
		err = tr.Bind(253)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	s := &ticked{compute: make(chan bool, 1)}
	go func() {
		<-s.compute
		begun := time.Now()
		for s.n.Load() < 110 {
			if time.Since(begun) > 20*time.Second {
				fmt.Println("no packet has come for 20 seconds of computing")
				os.Exit(1)
			}
		}
		os.Exit(0)
	}()
	for q := tr.Queues()[0]; ; {
		if _, err = q.Recv(s, 64); err == nil {
			err = q.Wait(time.Time{})
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
	}
}
