// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package netlab builds small IP networks out of Linux network namespaces and
// veth pairs, for tests and demos that want the real kernel at both ends of a
// wire, as root or without.
//
//	func TestMain(m *testing.M) { os.Exit(netlab.Main(m)) }
//
//	func TestAcross(t *testing.T) {
//		lab := netlab.Test(t, netlab.Line(1)) // a — r1 — b
//		a, b := lab.Node("a"), lab.Node("b")
//		err := a.Do(func() error { ... })     // sockets opened here belong to a
//	}
//
// A program that is not a test calls [Enter] first and [New] then.
//
// # Topologies
//
// [Pair] is a wire, [Line] puts routers in the middle, [Star] puts hosts on one
// switch. A [Topology] is plain data: change an MTU, add a link, or write one
// from scratch.
//
// Every wire, or switch with its wires, is one segment; segments count from 1,
// in the order of Topology.Links. The y-th interface on segment x has the
// addresses 10.77.x.y/24 and fd77:x::y/64 (x and y written in decimal in the
// first, in hexadecimal in the second) and the hardware address
// 02:00:0a:4d:x:y. So in Line(1), a is 10.77.1.1, r1 is 10.77.1.2 and
// 10.77.2.1, and b is 10.77.2.2. A node's interfaces are eth0, eth1 and so on,
// also in the order of Links; interface indexes are unique in the lab. Only
// IPv4 is configured on interfaces with an MTU below 1280 (RFC 8200, section 5)
// and on kernels without IPv6.
//
// When a constructor returns, links are up, addresses are usable and routes are
// in place: a packet sent at once arrives.
//
// Routers forward both families, hosts neither. Reverse path filters and duplicate
// address detection are off. So are the kernel's rate limits on ICMP errors, since
// with them a test that expects silence would pass by accident. Offloads are
// left as the kernel sets them.
//
// # Nothing is left behind
//
// Namespaces have no names: they are held by descriptors and threads of this
// process, and interfaces are only ever made inside them, never in the namespace
// the program was started in. [Lab.Close] lets go of them, and so does the end
// of the process, however it comes. Processes started by [Node.Start] are
// killed by both.
//
// # Privileges
//
// Root (CAP_SYS_ADMIN and CAP_NET_ADMIN) builds labs in its own process. For
// anybody else [Main] and [Enter] run the program again in a user and a network
// namespace of its own, where it is root over nothing but its labs; see
// [Enter]. Where a host forbids both, [Available] says why, and [Test] skips
// the test with that reason, or fails it if the environment variable
// PROTEAN_REQUIRE_NETLAB is 1.
//
// # Limitations
//
// Linux only; elsewhere every constructor returns an error that matches
// [errors.ErrUnsupported]. /proc must be mounted, and /proc/sys writable:
// container runtimes that mount it read-only forbid labs. A namespace lives as
// long as any socket in it, so sockets outlive Lab.Close, without a peer.
package netlab
