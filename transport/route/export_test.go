// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import "time"

// SetFreshness changes for how long an answer is used.
func (k *Kernel) SetFreshness(d time.Duration) { k.freshness = int64(d) }

// Shared returns how many answers destinations share, and whether there is
// something that keeps them from sharing.
func (k *Kernel) Shared() (answers int, split bool) {
	g := k.regions.Load()
	if !g.current(k.gen.Load(), int64(time.Since(k.start))) {
		return 0, false
	}
	for _, r := range g.lpm.m {
		if m := r.answers.Load(); m != nil {
			answers += len(*m)
		}
	}
	return answers, g.split
}
