// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"sync/atomic"
	"unsafe"
)

// touch reads from each page of mem, and writes to each multiple of written, without
// changing anything. The kernel has mapped them all. But where page tables are kept a
// second time, as for a virtual machine without hardware's help, the first access to a
// page takes microseconds, and the first write as well: without this the packets of the
// ring's first lap would wait for it.
func touch(mem []byte, page, written int) {
	for at := 0; at < len(mem); at += page {
		atomic.LoadUint32((*uint32)(unsafe.Pointer(&mem[at])))
	}
	for at := 0; at+4 <= len(mem); at += written {
		atomic.OrUint32((*uint32)(unsafe.Pointer(&mem[at])), 0) // whatever the kernel writes meanwhile stays
	}
}
