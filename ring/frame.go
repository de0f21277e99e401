// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import "encoding/binary"

// A Frame is one received frame, in place. It and its bytes are valid until the
// next call of [Rx.Next], and until [Rx.Close].
//
// The methods read the ring's memory, which only the kernel and this process
// write: they never panic and never read elsewhere, whatever is there.
type Frame struct {
	// Data is the frame as far as it was captured, from its link header on
	// (SOCK_RAW), or from its network header on (SOCK_DGRAM).
	Data []byte

	net int          // where the network header starts in Data
	hdr *[head3]byte // as TPACKET_V3 has it, so that no accessor has to ask for the version
}

// Network returns what of Data follows the link header; empty if the frame was
// cut off before.
func (f *Frame) Network() []byte { return f.Data[f.net:] }

// LinkLen returns the length of the link header in Data, in bytes.
func (f *Frame) LinkLen() int { return f.net }

// at returns a 32-bit field of the header.
func (f *Frame) at(off int) uint32 { return binary.NativeEndian.Uint32(f.hdr[off:]) }

// Len returns the length of the frame on the wire in bytes, from where Data
// starts. The frame was truncated if it is more than len(Data).
func (f *Frame) Len() int { return int(f.at(v3Len)) }

// Truncated reports whether Data is not the whole frame.
func (f *Frame) Truncated() bool { return f.Len() > len(f.Data) }

// Status returns the status bits.
func (f *Frame) Status() uint32 { return f.at(v3Status) }

// UnixNano returns when the frame came, in nanoseconds since 1970. [Frame.Status]
// tells by whose clock: without StatusTSRawHardware it is the system's.
func (f *Frame) UnixNano() int64 {
	return int64(f.at(v3Sec))*1e9 + int64(f.at(v3Nsec))
}

// PacketType returns to whom the link delivered the frame, PACKET_HOST and so on
// of packet(7).
func (f *Frame) PacketType() uint8 { return f.hdr[v3Size+llPkttype] }

// IfIndex returns the interface that the frame came from.
func (f *Frame) IfIndex() int32 {
	return int32(binary.NativeEndian.Uint32(f.hdr[v3Size+llIfindex:]))
}

// Protocol returns the frame's EtherType, as the kernel sees it.
func (f *Frame) Protocol() uint16 {
	return binary.BigEndian.Uint16(f.hdr[v3Size+llProtocol:])
}

// HardwareType returns the type of the interface, ARPHRD_ETHER and so on of
// <linux/if_arp.h>.
func (f *Frame) HardwareType() uint16 {
	return binary.NativeEndian.Uint16(f.hdr[v3Size+llHatype:])
}

// Source returns the sender's link-layer address, which is valid as long as the
// frame.
func (f *Frame) Source() []byte {
	n := min(int(f.hdr[v3Size+llHalen]), llSize-llAddr)
	return f.hdr[v3Size+llAddr:][:n]
}

// VLAN returns the tag that the frame's device or the kernel has taken off: its
// tag control information and the EtherType that announced it, 0x8100 if the
// kernel does not tell. ok is false if there was none; tci may be 0 all the
// same.
func (f *Frame) VLAN() (tci, tpid uint16, ok bool) {
	status := f.Status()
	if status&StatusVLANValid == 0 {
		return 0, 0, false
	}
	tci, tpid = uint16(f.at(v3TCI)), 0x8100
	if status&StatusVLANTPIDValid != 0 {
		tpid = binary.NativeEndian.Uint16(f.hdr[v3TPID:])
	}
	return tci, tpid, true
}

// Hash returns the kernel's flow hash. It is 0 with TPACKET_V2, and unless
// [RxConfig.Hash] asks for it.
func (f *Frame) Hash() uint32 { return f.at(v3Hash) }
