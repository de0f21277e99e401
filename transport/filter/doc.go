// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package filter says in classic BPF which packets a socket wants, so that the
// kernel drops the others before it queues or copies them, and spreads packets
// over the sockets of a fanout group so that fragments stay together.
//
//	s := filter.Spec{Protocols: []uint8{253}, Dst: addresses}
//	err := filter.Attach(fd, s.Program()) // before bind(2)
//
// # Where a packet starts
//
// A packet socket of type SOCK_RAW sees the link header, one of type
// SOCK_DGRAM starts at the IP header, and on a TUN device there is no link
// header at all. Programs load relative to the network header (SKF_NET_OFF in
// <linux/filter.h>), wherever it is, so that one program serves all of them.
// Linux 6.18 loads from all parts of its buffer so. Older kernels fail such loads,
// and drop the packet, if the network header is not in the linear part of the
// buffer (bpf_internal_load_pointer_neg_helper in kernel/bpf/core.c), as in
// frames that a local sender's transmit ring put on a veth pair; for these,
// [Spec].HeaderLen gives the offset in numbers.
//
// # What a filter leaves to its user
//
// A filter accepts every packet that is asked for, and some that are not: it
// cannot validate headers, and it follows at most [MaxSteps] IPv6 extension
// headers. Whoever receives checks again, which it does anyway, and gets no
// stream of other protocols' packets to check. In particular
//
//   - fragments after the first are accepted with the first: IPv4 repeats the
//     protocol in each, IPv6 has it in the fragment header. If that names another
//     extension header, the protocol cannot be told, and they are accepted.
//   - a packet with a mobility, HIP or Shim6 header, which may be a message or a
//     prefix of one, is accepted.
//   - a packet too short for the loads is dropped: what it is cannot be told.
//
// Programs are at most 4096 instructions long (BPF_MAXINSNS), however many
// protocols and addresses are asked for.
package filter
