// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package prototest is for testing protocols written with package proto: hosts
// on an in-memory network in one line, without privileges, sockets or sleeping.
//
//	func TestPong(t *testing.T) {
//		n := prototest.Topology(t, "a - r1 - b [delay 10ms, loss 1%]", nil)
//		n.Host("b").Register(t, 253, proto.HandlerFunc(pong))
//		r := n.Host("a").Record(t, 253)
//		n.Play(t, "at 3s partition a b \n at 5s heal")
//		n.Host("a").Send(t, 253, n.Host("b").Addr4, []byte("Ping"))
//		r.Next(t, time.Second, prototest.Payload("Pong"), prototest.At(40*time.Millisecond))
//	}
//
// # Networks
//
// [Topology] makes a stepped network: its time is virtual and passes only in
// Run, and while a test waits for a packet. [BubbleTopology] makes one in a
// testing/synctest bubble with its hosts running, for protocols with blocking
// code; its time is virtual, too. [LiveTopology] makes one in real time. [Pair],
// [BubblePair] and [LivePair] are these for two hosts, A and B. All end with the
// test. [Net.Play] has links fail, nodes crash and partitions come and go at
// given times, see [Script].
//
// # What was sent
//
// A [Recorder] waits for a host's packets and says what they must be. A [Trace]
// is what happened to all packets, as text; [Trace.Golden] compares it with a
// file.
//
// # The same in every run
//
// In a stepped network, and in a bubble, a seed is one trace: every byte of
// every packet, its fate and its time. [Same] checks that a test does not break
// this, and names what does. [Bubble] says what keeps virtual time from passing.
//
// When a test fails, the network's seed is logged, with the command that runs
// it again. [Seeds] looks for a seed with which a scenario fails, and for the
// fewest faults of its links that it takes.
//
// # Environment
//
//	PROTEAN_SEED     the seed of networks, in place of Config.Seed
//	PROTEAN_FAULTS   with it, the faults that may strike in Seeds
//	PROTEAN_CAPTURE  a folder for the traces of all networks
//	PROTEAN_UPDATE   if set, golden traces are written anew
//
// [Main] is for TestMain: it fails a package that leaves goroutines or file
// descriptors behind, and adds options to go test.
package prototest
