// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package prototest is for testing protocols written with package proto: hosts
// on an in-memory network in one line, without privileges, sockets or sleeping.
//
//	func TestPong(t *testing.T) {
//		n := prototest.Pair(t, nil)
//		n.B.Register(t, 253, proto.HandlerFunc(pong))
//		c := n.A.Record(t, 253)
//		n.A.Send(t, 253, n.B.Addr4, []byte("Ping"))
//		n.Run(t, time.Second)
//		c.Want(t, "Pong")
//	}
//
// [Pair] makes a stepped network: its time is virtual and passes only in Run.
// [BubblePair] makes one in a testing/synctest bubble with both hosts running,
// for protocols with blocking code; its time is virtual, too. [LivePair] makes
// one in real time.
//
// When a test fails, the network's seed is logged; PROTEAN_SEED sets it, to run
// the test again with the same faults.
//
// [Main] is for TestMain: it fails a package that leaves goroutines or file
// descriptors behind.
package prototest
