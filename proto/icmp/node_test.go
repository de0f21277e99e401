// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package icmp_test

import (
	"testing"

	"protean/proto"
	"protean/proto/prototest"
	"protean/proto/wire"
)

// TestANodeWithAKernelIsAnsweredForOnce whether or not the handler is registered.
func TestANodeWithAKernelIsAnsweredForOnce(t *testing.T) {
	n := prototest.Pair(t, nil)
	register(t, n.B.Host, nil)
	want := func(what string) {
		t.Helper()
		echo := message4(wire.ICMPv4Echo, 1, []byte("data"))
		if got := ask(t, n, proto.Header{Dst: n.B.Addr4, Protocol: wire.ProtoICMP}, echo); len(got) != 1 {
			t.Errorf("%s: %d answers", what, len(got))
		}
	}
	want("the handler alone")
	if err := n.B.Node.SetKernel(nil); err != nil {
		t.Fatal(err)
	}
	want("with a kernel")
	n.B.Node.RemoveKernel()
	want("without it again")
}
