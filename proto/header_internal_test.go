// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"net/netip"
	"testing"
)

// TestWhatNeedsAnInterface asks netip about the same, at both ends of each range.
func TestWhatNeedsAnInterface(t *testing.T) {
	for _, s := range []string{
		"0.0.0.0", "10.0.0.1", "127.0.0.1", "169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0",
		"223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
		"::", "::1", "2001:db8::1", "fe7f::", "fe80::", "febf:ffff::", "fec0::", "feff::", "ff00::", "ff02::1",
	} {
		a := netip.MustParseAddr(s)
		want := a.IsMulticast() || a.IsLinkLocalUnicast() || s == "255.255.255.255"
		if got := needsInterface(a); got != want {
			t.Errorf("%v: %v", a, got)
		}
	}
}
