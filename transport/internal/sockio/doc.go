// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package sockio is what transports over sockets have in common: [Gate] for
// calls in flight, [Messages] for recvmmsg(2) and sendmmsg(2), [Poller] to wait
// for several sockets, control messages, [ErrorReader] for error queues,
// [LinkMonitor] for what rtnetlink(7) says of interfaces, [Membership] for
// multicast groups, and [Check] for packets that are about to be sent.
package sockio
