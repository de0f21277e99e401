// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"sync/atomic"
	"unsafe"
)

// The status words of frames and blocks are shared with the kernel. These two
// functions are the only access to them.
//
// The Go memory model speaks of goroutines alone. That the functions order other
// accesses against the kernel's rests on the instructions they compile to:
// MOV and XCHG on amd64, LDAR and STLR on arm64, LR and AMOSWAP with their
// ordering bits on riscv64.

// acquire loads a status word. What is read after it is at least as new as the
// status: it pairs with the smp_wmb before __packet_set_status, and with that in
// prb_flush_block before the block's status is set (net/packet/af_packet.c).
//
// off must be a multiple of 4, and b start at one.
func acquire(b []byte, off int) uint32 {
	_ = b[off+3]
	return atomic.LoadUint32((*uint32)(unsafe.Pointer(&b[off])))
}

// release stores a status word after all accesses before it: it pairs with the
// smp_rmb after the kernel has read the status in __packet_get_status and
// prb_curr_blk_in_use.
func release(b []byte, off int, status uint32) {
	_ = b[off+3]
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&b[off])), status)
}
