// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// counts adds up what the kernel counts in 32 bits and forgets when asked.
type counts struct {
	mu                      sync.Mutex
	packets, drops, freezes uint64
}

// Stats returns what has been counted since the ring was made, up to Close.
// Nobody else may read the socket's PACKET_STATISTICS, since that resets them.
// Errors: *os.SyscallError.
func (r *Rx) Stats() (Stats, error) {
	var err error
	if r.gate.enter() == nil { // or fd may be another file's by now
		err = r.count()
		r.gate.leave()
	}
	c := &r.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{
		Packets: c.packets, Drops: c.drops, Freezes: c.freezes,
		Blocks: r.handed.Load(), TimedOut: r.timedOut.Load(),
		Corrupt: r.corrupt.Load(), Skipped: r.skipped.Load(),
	}, err
}

// count takes over what the kernel has counted.
func (r *Rx) count() error {
	c := &r.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	var st unix.TpacketStatsV3 // V2 fills the first two fields
	n := uint32(unsafe.Sizeof(st))
	// It is answered at once: as a raw system call, since any other one of a thread
	// that has just woken up wakes the runtime's monitor thread, too.
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(r.waiter.fd), unix.SOL_PACKET, unix.PACKET_STATISTICS,
		uintptr(unsafe.Pointer(&st)), uintptr(unsafe.Pointer(&n)), 0)
	if errno != 0 {
		return os.NewSyscallError("getsockopt PACKET_STATISTICS", errno)
	}
	c.packets += uint64(st.Packets)
	c.drops += uint64(st.Drops)
	c.freezes += uint64(st.Freeze_q_cnt)
	return nil
}
