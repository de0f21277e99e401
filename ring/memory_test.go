// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import "unsafe"

func bytesOf(words []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 8*len(words))
}
