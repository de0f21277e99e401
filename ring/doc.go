// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package ring moves frames through the memory-mapped rings of packet sockets:
// PACKET_RX_RING with TPACKET_V3 or TPACKET_V2, and PACKET_TX_RING. See packet(7)
// and Documentation/networking/packet_mmap.rst of the kernel. It knows frames,
// not protocols; package transport/afpacket makes a transport of it.
//
//	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
//	... // options, and the filter
//	rx, err := ring.NewRx(fd, nil)
//	... // bind fd to a protocol and an interface
//	var f ring.Frame
//	for {
//		if err := rx.Wait(time.Time{}); err != nil { ... }
//		rx.Enter()
//		for rx.Next(&f) {
//			handle(f.Network())
//		}
//		rx.Leave()
//	}
//
// # In place
//
// Frames are read where the kernel put them, and written where it takes them
// from. Nothing is copied, and nothing allocated per frame. A received frame is
// valid until the next call of Next. The ring's memory is trusted with nothing:
// offsets and lengths are checked before they are used, and what makes no sense
// is counted and passed over.
//
// # Which ring
//
// TPACKET_V3 is for volume: the kernel fills a block with frames back to back and
// hands it over when it is full, or when it has been filling for
// [RxConfig].Retire. A frame that comes alone waits for that: for half of it on
// average. TPACKET_V2 has a frame for each packet, and it is there at once: for
// questions and answers. A transmit ring saves a copy but no work in the kernel,
// and is not faster than sendmmsg(2) on a veth: measure.
//
// A socket has one ring here. The kernel would take one for each direction, if
// both have the same version, but a socket with a transmit ring sends nothing
// else any more, and what is closed and drained when gets entangled.
//
// # Order
//
// A packet socket made with a protocol receives at once, from every interface
// and without a filter. So: make it with protocol 0, set options, attach the
// filter, make the ring, and bind it last.
//
// # The end
//
// To touch a ring that was unmapped kills the process, and no recover helps. Close
// therefore waits until the reader is outside of Enter and Leave, and rather
// fails than to unmap under it. Nor does the garbage collector unmap: a ring that
// is dropped and not closed stays, with its socket, until the process ends, and
// [Leaked] counts it.
//
// Rings exist on Linux only. The rest, the reading of a ring in any memory, is
// portable and tested and fuzzed as such.
package ring
