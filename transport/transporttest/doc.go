// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package transporttest is the contract of package transport as a test suite,
// for transports and decorators of this module and of others.
//
// A transport passes if [Run] passes:
//
//	func TestContract(t *testing.T) {
//		transporttest.Run(t, transporttest.Config{
//			Make: func(tb testing.TB) transporttest.Pair {
//				a, b := connectedPair(tb)
//				return transporttest.Pair{
//					A: transporttest.Endpoint{Transport: a, Addr4: addrA, IfIndex: 1},
//					B: transporttest.Endpoint{Transport: b, Addr4: addrB, IfIndex: 1},
//				}
//			},
//		})
//	}
//
// What a transport does not do by its Caps is not asked of it. The subtests
// that are left out for that are logged with the reason. Everything else is
// asked of every transport.
//
// [Poison] is a decorator for tests of code that uses a transport: it makes
// broken rules about memory fail at once. [Main] and [CheckLeaks] fail a test
// that leaves goroutines or file descriptors behind.
//
// # Requirements
//
// The transports must be live: one that is driven step by step cannot wait.
// Packets from elsewhere do no harm, with one exception: nobody else may send
// packets of the protocols 253 and 254 (RFC 3692) between the two addresses.
// Do not run the suite in parallel with other tests: it counts goroutines and
// file descriptors.
//
// # Limitations
//
// Nothing is asked of multicast, claimed and foreign addresses, routes and
// changes of links. ErrNoSlots from Commit is handled wherever it comes, but
// not provoked, since how to do that differs from transport to transport.
package transporttest
