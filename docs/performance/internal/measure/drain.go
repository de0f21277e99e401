// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package measure

import (
	"fmt"
	"time"

	"protean/docs/performance/internal/lab"
)

// Drain has the generator fill the rings of a receiver that does not work yet,
// and then measures how fast they are emptied, on CPUs that nobody else needs.
func Drain(l *lab.Lab, p Programs, c Command, cpus string, load Load) (Sample, error) {
	r, err := Start(l.B, cpus, c.File, c.Args...)
	if err != nil {
		return nil, err
	}
	defer r.Discard()
	var got counted
	sent, err := generate(l, p, load)
	if err != nil {
		return nil, err
	}
	time.Sleep(400 * time.Millisecond) // until the last block is handed over
	before, err := r.CPU()
	if err != nil {
		return nil, err
	}
	if err := r.Mark(); err != nil {
		return nil, err
	}
	time.Sleep(300 * time.Millisecond)
	after, err := r.CPU()
	if err != nil {
		return nil, err
	}
	if err := r.Stop(&got); err != nil {
		return nil, err
	}
	if got.Packets == 0 || got.NS == 0 {
		return nil, fmt.Errorf("%v: nothing was in the rings", c)
	}
	n := float64(got.Packets)
	return Sample{
		CPU: float64(after-before) / n, Rate: n / float64(got.NS) * 1e6, Loss: 100 * (1 - n/float64(sent.Packets)),
	}, nil
}
