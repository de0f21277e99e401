// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package route

import "time"

// SetFreshness changes for how long an answer is used.
func (k *Kernel) SetFreshness(d time.Duration) { k.freshness = int64(d) }
