// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// A Frame is one received frame, in place. It and its bytes are valid until the
// next call of [Rx.Next], and until [Rx.Close].
type Frame struct {
	// Data is the frame as far as it was captured, from its link header on
	// (SOCK_RAW), or from its network header on (SOCK_DGRAM).
	Data []byte

	// Header is what the kernel tells of it.
	*Header

	link int // length of the link header
}

// set makes f a frame of what next returns, and reports whether there is one.
func (f *Frame) set(h *Header, network []byte, link int) bool {
	if h == nil {
		return false
	}
	// The link header is before the network header.
	start := unsafe.Add(unsafe.Pointer(unsafe.SliceData(network)), -link)
	f.Data, f.Header, f.link = unsafe.Slice((*byte)(start), link+len(network)), h, link
	return true
}

// Network returns what of Data follows the link header; empty if the frame was
// cut off before.
func (f *Frame) Network() []byte { return f.Data[f.link:] }

// LinkLen returns the length of the link header in Data, in bytes.
func (f *Frame) LinkLen() int { return f.link }

// Truncated reports whether Data is not the whole frame.
func (f *Frame) Truncated() bool { return f.Len() > len(f.Data) }

// A Header is what the kernel tells of a received frame, in place: a struct
// tpacket3_hdr with its struct sockaddr_ll. It is valid as long as the frame.
//
// The methods read the ring's memory, which only the kernel and this process
// write: they never panic and never read elsewhere, whatever is there.
type Header struct {
	b [head3]byte // as TPACKET_V3 has it, so that no method has to ask for the version
}

func (h *Header) u32(off int) uint32 { return binary.NativeEndian.Uint32(h.b[off:]) }
func (h *Header) u16(off int) uint16 { return binary.NativeEndian.Uint16(h.b[off:]) }

// Len returns the length of the frame on the wire in bytes, from where Data
// starts. The frame was truncated if it is more than len(Data).
func (h *Header) Len() int { return int(min(h.u32(v3Len), math.MaxInt32)) } // an int may have 32 bits

// Status returns the status bits.
func (h *Header) Status() uint32 { return h.u32(v3Status) }

// UnixNano returns when the frame came, in nanoseconds since 1970. [Header.Status]
// tells by whose clock: without StatusTSRawHardware it is the system's.
func (h *Header) UnixNano() int64 {
	return int64(h.u32(v3Sec))*1e9 + int64(h.u32(v3Nsec))
}

// PacketType returns to whom the link delivered the frame, PACKET_HOST and so on
// of packet(7).
func (h *Header) PacketType() uint8 { return h.b[v3Size+llPkttype] }

// IfIndex returns the interface that the frame came from.
func (h *Header) IfIndex() int32 {
	return int32(binary.NativeEndian.Uint32(h.b[v3Size+llIfindex:]))
}

// Protocol returns the frame's EtherType, as the kernel sees it.
func (h *Header) Protocol() uint16 {
	return binary.BigEndian.Uint16(h.b[v3Size+llProtocol:])
}

// HardwareType returns the type of the interface, ARPHRD_ETHER and so on of
// <linux/if_arp.h>.
func (h *Header) HardwareType() uint16 {
	return binary.NativeEndian.Uint16(h.b[v3Size+llHatype:])
}

// Source returns the sender's link-layer address, which is valid as long as the
// frame.
func (h *Header) Source() []byte {
	n := min(int(h.b[v3Size+llHalen]), llSize-llAddr)
	return h.b[v3Size+llAddr:][:n]
}

// VLAN returns the tag that the frame's device or the kernel has taken off: its
// tag control information and the EtherType that announced it, 0x8100 if the
// kernel does not tell. ok is false if there was none; tci may be 0 all the
// same.
func (h *Header) VLAN() (tci, tpid uint16, ok bool) {
	status := h.Status()
	if status&StatusVLANValid == 0 {
		return 0, 0, false
	}
	tci, tpid = uint16(h.u32(v3TCI)), 0x8100
	if status&StatusVLANTPIDValid != 0 {
		tpid = binary.NativeEndian.Uint16(h.b[v3TPID:])
	}
	return tci, tpid, true
}

// Hash returns the kernel's flow hash. It is 0 with TPACKET_V2, and unless
// [RxConfig.Hash] asks for it.
func (h *Header) Hash() uint32 { return h.u32(v3Hash) }
