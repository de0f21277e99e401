// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"os"
	"testing"

	"protean/transport/netlab"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) {
	os.Exit(netlab.Main(transporttest.Checked(m)))
}
