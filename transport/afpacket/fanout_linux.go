// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"golang.org/x/sys/unix"

	"protean/transport/filter"
)

// Flags of PACKET_FANOUT in <linux/if_packet.h>, shifted as the option has them.
const (
	fanoutShift    = 16
	fanoutUniqueID = 0x2000 << fanoutShift
	fanoutDefrag   = -0x8000 << fanoutShift // the highest bit of an int32
)

var fanoutModes = [...]int{
	ByHash:     unix.PACKET_FANOUT_HASH,
	ByProgram:  unix.PACKET_FANOUT_CBPF,
	RoundRobin: unix.PACKET_FANOUT_LB,
	ByCPU:      unix.PACKET_FANOUT_CPU,
}

// A fanout is a group of sockets among which the kernel shares out what comes.
// The first socket to join makes the group, with an identifier nobody else has.
type fanout struct {
	joined bool
	id     int
}

func (f *fanout) join(t *Transport, fd int) error {
	value := fanoutModes[t.cfg.Spread] << fanoutShift
	if t.cfg.Defrag {
		value |= fanoutDefrag
	}
	if f.joined {
		value |= f.id
	} else {
		value |= fanoutUniqueID
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, value); err != nil {
		return callError("open", "setsockopt PACKET_FANOUT", err)
	}
	if f.joined {
		return nil
	}
	id, err := unix.GetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return callError("open", "getsockopt PACKET_FANOUT", err)
	}
	f.joined, f.id = true, id&0xffff
	if t.cfg.Spread != ByProgram {
		return nil
	}
	return opError("open", filter.AttachFanout(fd, t.cfg.Fanout.Program()))
}
