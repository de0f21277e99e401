// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package docs_test

import (
	"os"
	"testing"

	"protean/proto/prototest"
	"protean/transport/netlab"
)

func TestMain(m *testing.M) {
	os.Exit(netlab.Main(prototest.Checked(m)))
}
