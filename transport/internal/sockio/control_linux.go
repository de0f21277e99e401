// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// NextControl splits the first control message off b, in the layout of cmsg(3).
// ok is false when there is none, or what is there does not fit.
func NextControl(b []byte) (level, kind uint32, data, rest []byte, ok bool) {
	if len(b) < unix.SizeofCmsghdr {
		return 0, 0, nil, nil, false
	}
	var n uint64 // size_t
	if unix.SizeofPtr == 8 {
		n = binary.NativeEndian.Uint64(b)
	} else {
		n = uint64(binary.NativeEndian.Uint32(b))
	}
	if n < unix.SizeofCmsghdr || n > uint64(len(b)) {
		return 0, 0, nil, nil, false
	}
	level = binary.NativeEndian.Uint32(b[unix.SizeofPtr:])
	kind = binary.NativeEndian.Uint32(b[unix.SizeofPtr+4:])
	data = b[unix.CmsgLen(0):n]
	rest = b[min(uint64(unix.CmsgSpace(int(n)-unix.CmsgLen(0))), uint64(len(b))):]
	return level, kind, data, rest, true
}

// Timespec reads a struct __kernel_timespec, and returns Unix nanoseconds; 0 if
// it is not there.
func Timespec(d []byte) int64 {
	if len(d) < 16 {
		return 0
	}
	return int64(binary.NativeEndian.Uint64(d))*1e9 + int64(binary.NativeEndian.Uint64(d[8:]))
}
