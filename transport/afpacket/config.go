// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"math"
	"net"
	"time"

	"protean/transport"
	"protean/transport/filter"
)

// A Ring says how received packets come from the kernel.
type Ring uint8

const (
	// V3 is a ring of blocks that the kernel fills with packets back to back
	// (TPACKET_V3): the least work for each packet. A block is handed over when it
	// is full, or after Config.RetireTimeout, which so is the delay of a packet
	// that comes alone.
	V3 Ring = iota

	// V2 is a ring of frames, one for a packet (TPACKET_V2). A packet is there at
	// once: for questions and answers.
	V2

	// None is no ring: packets are copied out of the socket's queue by
	// recvmmsg(2).
	None
)

// A Spread says how a fanout group spreads packets over the queues.
type Spread uint8

const (
	// ByHash is PACKET_FANOUT_HASH: by the addresses, and the ports of protocols
	// that the kernel knows to have some.
	ByHash Spread = iota

	// ByProgram is PACKET_FANOUT_CBPF with the program that Config.Fanout
	// describes.
	ByProgram

	// RoundRobin is PACKET_FANOUT_LB, ByCPU is PACKET_FANOUT_CPU. Fragments of one
	// datagram may come to different queues then, so Config.Scattered must be set.
	RoundRobin
	ByCPU
)

// Config says which sockets to open. Interface is required; the other zeros are
// good for most uses. Open copies it.
type Config struct {
	// Interface is the name of the interface to receive from and send through.
	Interface string

	// V4 and V6 select families; each has its own socket, and ring, per queue.
	// Both false selects both.
	V4, V6 bool

	// Ring says how received packets come from the kernel.
	Ring Ring

	// Cooked opens sockets of type SOCK_DGRAM: the kernel strips and builds link
	// headers. The zero value opens SOCK_RAW. Frames with more than one VLAN tag
	// come garbled to cooked sockets, and are dropped as malformed.
	Cooked bool

	// All binds to ETH_P_ALL instead of ETH_P_IP and ETH_P_IPV6, with one socket
	// for both families. It is needed to see VLAN tags, and what passes a
	// port of a bridge, and costs time for every other frame on the interface.
	All bool

	// Outgoing delivers what this host sends through the interface, too, as
	// [transport.PacketOutgoing]. It takes All.
	Outgoing bool

	// Promiscuous has the interface take frames to every hardware address
	// (PACKET_MR_PROMISC). They are delivered after ReceiveForeign.
	Promiscuous bool

	// Queues is the number of queues, each with sockets of its own in a fanout
	// group. 0 means 1; the most is 256.
	Queues int

	// Spread says how packets are spread over more than one queue.
	Spread Spread

	// Fanout is what ByProgram spreads by.
	Fanout filter.Fanout

	// Scattered allows a Spread by which the fragments of one datagram come to
	// different queues. Whoever reassembles has to bring them together.
	Scattered bool

	// Defrag has the kernel reassemble IPv4 datagrams (PACKET_FANOUT_FLAG_DEFRAG)
	// before a queue is chosen. IPv6 fragments come as they are. The limits
	// are the kernel's (net.ipv4.ipfrag_*), and what it rejects is not
	// counted here. Reassembled datagrams are larger than the MTU: with V2, frames
	// get room for 64 KiB each.
	Defrag bool

	// BlockSize and Blocks are the size in bytes of a ring's blocks, and their
	// number. BlockSize is rounded up to whole pages. 0 means 256 KiB and 32.
	BlockSize, Blocks int

	// RetireTimeout is how long a V3 block may fill, in whole milliseconds. 0
	// means 2 ms. A block with a single packet is handed over like a full one, so the
	// ring has room for Blocks times as long, 64 ms, however few packets come: who
	// stays away from Recv for longer, in a handler for instance, loses some
	// (Stats.Lost).
	RetireTimeout time.Duration

	// TxRing sends through a ring shared with the kernel (PACKET_TX_RING) instead
	// of sendmmsg(2). Slots are the ring's frames: packets are sent from where they
	// were written if they are committed in the order in which they were reserved,
	// and copied otherwise. They count as sent when the kernel has given the frame
	// back. It excludes Cooked. What is larger than the MTU at the time of
	// Open may not fit later.
	TxRing bool

	// QdiscBypass hands packets to the device directly (PACKET_QDISC_BYPASS): no
	// queueing discipline, and other packet sockets do not see them.
	QdiscBypass bool

	// HardwareTime asks for the interface's own stamps (PACKET_TIMESTAMP with
	// SOF_TIMESTAMPING_RAW_HARDWARE), by its own clock, where it makes any for what
	// it receives: that is switched on for all of its users, by
	// SIOCSHWTSTAMP or the program hwstamp_ctl, and not from here. Packets that
	// have one say [transport.TimeHardware], and the others
	// [transport.TimeKernel], as all do otherwise.
	HardwareTime bool

	// Batch is the most packets taken from or given to the kernel at once
	// without a ring, and the number of slots, up to 1024. 0 means 64; negative
	// means 1.
	Batch int

	// RcvBuf is the size in bytes of a socket's receive queue, without a ring, as
	// SO_RCVBUF of getsockopt(2) counts it, less than 2 GiB. 0 means 4 MiB, or as much as
	// the system grants; negative means the system's default.
	RcvBuf int

	// SndBuf is the size in bytes of each send buffer, counted likewise. 0 and
	// negative mean the system's default.
	SndBuf int

	// Lock, if not empty, are the only protocols that can be bound. The
	// sockets get a filter for them that nobody can change any more
	// (SO_LOCK_FILTER), nor what ByProgram spreads by. Destination addresses are looked
	// at after the filter.
	Lock []uint8

	// NetNS is the path of the network namespace to open sockets in, such as
	// /run/netns/x or /proc/PID/ns/net. Empty means the namespace that the
	// thread calling Open is in.
	NetNS string

	// NoGuard leaves out what keeps the kernel from answering "protocol
	// unreachable".
	NoGuard bool

	// HideFragments keeps the kernel from collecting fragments of bound
	// protocols, too, and so from answering "time exceeded" for those that
	// never become a datagram. Each Bind takes CAP_NET_ADMIN then: see
	// Config.Fragments of package protean/transport/guard. It excludes NoGuard.
	HideFragments bool
}

const (
	name          = "afpacket"
	defaultBatch  = 64
	maxBatch      = 1024 // UIO_MAXIOV: recvmmsg(2) and sendmmsg(2) take no more
	maxQueues     = 256  // PACKET_FANOUT_MAX of old kernels
	defaultBlock  = 256 << 10
	defaultBlocks = 32
	defaultRetire = 2 * time.Millisecond
	defaultRcvBuf = 4 << 20
	maxBlock      = 1 << 30

	// stride is the distance of two packets in memory: room for the longest
	// packet of either family with its link header, touched only as far as
	// packets reach. It is not a multiple of the page size, or all packets would
	// compete for the same cache sets.
	stride = 65_664
)

// withDefaults returns a checked copy of c with its zeros resolved.
func (c *Config) withDefaults() (Config, error) {
	var d Config
	if c != nil {
		d = *c
	}
	d.Lock = append([]uint8(nil), d.Lock...)
	both := !d.V4 && !d.V6
	d.V4, d.V6 = d.V4 || both, d.V6 || both
	orDefault(&d.Batch, defaultBatch)
	d.Batch = min(max(d.Batch, 1), maxBatch)
	orDefault(&d.Queues, 1)
	orDefault(&d.BlockSize, defaultBlock)
	orDefault(&d.Blocks, defaultBlocks)
	orDefault(&d.RetireTimeout, defaultRetire)
	orDefault(&d.RcvBuf, defaultRcvBuf)
	switch {
	case d.Interface == "":
		return d, configError("Interface is empty")
	case d.Ring > None:
		return d, unsupported("this value of Config.Ring")
	case d.Spread > ByCPU:
		return d, unsupported("this value of Config.Spread")
	case d.Spread >= RoundRobin && !d.Scattered:
		return d, unsupported("a spread that scatters fragments, without Config.Scattered,")
	case d.Outgoing && !d.All:
		return d, configError("Outgoing takes All")
	case d.HideFragments && d.NoGuard:
		return d, configError("HideFragments takes a guard")
	case d.TxRing && d.Cooked:
		return d, unsupported("a transmit ring with cooked sockets")
	case d.Queues < 1 || d.Queues > maxQueues:
		return d, configError("Queues is not in 1 to 256")
	case int64(d.Queues)*int64(d.Batch) > math.MaxInt/4/stride: // for sending, and without a ring as much for receiving
		return d, configError("Queues times Batch is more than there are addresses for")
	case d.RcvBuf > math.MaxInt32 || d.SndBuf > math.MaxInt32: // the kernel takes an int
		return d, configError("RcvBuf or SndBuf is 2 GiB or more")
	case d.BlockSize < 0 || d.BlockSize > maxBlock || d.Blocks < 0 || d.RetireTimeout < 0:
		return d, configError("a ring's size or time is out of range")
	}
	if d.Spread == ByProgram {
		if err := d.Fanout.Check(); err != nil {
			return d, configError(err.Error())
		}
	}
	for _, p := range d.Lock {
		if err := transport.CheckProtocol(int(p), d.V6); err != nil {
			return d, err
		}
	}
	return d, nil
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func unsupported(feature string) error {
	return &transport.UnsupportedError{Transport: name, Feature: feature}
}

// A ConfigError says what is wrong with a [Config].
type ConfigError struct {
	Reason string // a clause: "Interface is empty"
}

func (e *ConfigError) Error() string { return name + ": Config: " + e.Reason }

func configError(reason string) error {
	return &net.OpError{Op: "open", Net: name, Err: &ConfigError{reason}}
}
