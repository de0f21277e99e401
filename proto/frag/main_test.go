// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package frag_test

import (
	"os"
	"testing"

	"protean/transport/netlab"
	"protean/transport/transporttest"
)

// TestMain lets tests against the kernel build networks, where that is possible.
func TestMain(m *testing.M) {
	os.Exit(netlab.Main(transporttest.Checked(m)))
}
