// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"protean/proto"
)

// TestGoexitOnALoopEndsTheRun has a handler end the goroutine of one of two loops. A loop
// that is left running keeps the bubble from ending.
func TestGoexitOnALoopEndsTheRun(t *testing.T) {
	gone := errors.New("Run did not return")
	for i := range 2 {
		synctest.Test(t, func(t *testing.T) {
			rig, taken := newRig(2), 0
			h := rigHost(t, rig, nil)
			exits := true
			handle(t, h, 253, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error {
				if exits {
					exits = false
					runtime.Goexit()
				}
				taken++
				return nil
			}))
			ended := make(chan error, 1)
			go func() {
				err := gone
				defer func() { ended <- err }()
				err = h.Run(context.Background())
			}()
			rig.qs[i].put(in(253))
			if err := within(t, ended, "Run goes on"); err == nil || (err == gone) != (i == 0) {
				t.Errorf("queue %d: %v", i, err)
			}
			stop := runHost(t, h)
			for _, q := range rig.qs {
				q.put(in(253))
			}
			time.Sleep(time.Second)
			stop()
			if taken != 2 {
				t.Errorf("%d packets taken by the next run", taken)
			}
		})
	}
}
