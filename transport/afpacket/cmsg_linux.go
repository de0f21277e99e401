// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"protean/transport/internal/sockio"
)

// recvControl is the room for the control messages of one received packet:
// PACKET_AUXDATA with 20 bytes, SO_TIMESTAMPNS with 16 and, with
// Config.HardwareTime, SO_TIMESTAMPING with 48, each behind a header of 16.
const recvControl = 144

// parse reads control messages in the layout of cmsg(3), over bytes: anything
// that does not fit ends it.
func (f *frame) parse(b []byte) {
	for {
		level, kind, d, rest, ok := sockio.NextControl(b)
		if !ok {
			return
		}
		b = rest
		switch {
		case level == unix.SOL_SOCKET && kind == unix.SO_TIMESTAMPNS_NEW:
			f.time = sockio.Timespec(d)
		case level == unix.SOL_SOCKET && kind == unix.SO_TIMESTAMPING_NEW && len(d) >= sizeofStamps:
			if at := sockio.Timespec(d[hardwareStamp:]); at != 0 {
				f.time = at
				f.status |= unix.TP_STATUS_TS_RAW_HARDWARE
			}
		case level == unix.SOL_PACKET && kind == unix.PACKET_AUXDATA && len(d) >= sizeofAuxdata:
			f.auxdata(d)
		}
	}
}

const (
	sizeofAuxdata = 20 // of struct tpacket_auxdata
	sizeofStamps  = 48 // of struct scm_timestamping64: software, unused, hardware
	hardwareStamp = 32
)

// auxdata reads struct tpacket_auxdata of <linux/if_packet.h>.
func (f *frame) auxdata(d []byte) {
	ne := binary.NativeEndian
	f.status = f.status&unix.TP_STATUS_TS_RAW_HARDWARE | ne.Uint32(d) // stamps come before
	f.len = ne.Uint32(d[4:])
	f.net = ne.Uint16(d[14:])
	f.tci = ne.Uint16(d[16:])
	f.tpid = ne.Uint16(d[18:])
}
