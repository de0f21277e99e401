// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"testing"
	"time"
)

// BubbleFor is Bubble with less patience.
func BubbleFor(t *testing.T, limit time.Duration, f func(t *testing.T)) { bubble(t, limit, f) }
