// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair_test

import (
	"testing"

	"protean/transport/transporttest"
)

func TestMain(m *testing.M) { transporttest.Main(m) }
