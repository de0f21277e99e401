// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import "net/netip"

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
