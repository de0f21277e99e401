// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"os"
	"testing"

	"protean/transport/netlab"
	"protean/transport/transporttest"
)

// TestMain runs the tests where they can make network namespaces, and there
// under the checks for leaks.
func TestMain(m *testing.M) { os.Exit(netlab.Main(transporttest.Checked(m))) }
