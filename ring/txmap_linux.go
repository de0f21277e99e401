// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const readWrite = unix.PROT_READ | unix.PROT_WRITE

// mapTx maps a transmit ring, and returns how many bytes apart its frames are.
//
// If a frame is to have more room than the ring has, frames are moved apart: each
// is followed by memory that is not the ring's, so that a packet that was written
// across is in one piece, and the kernel sees as much of it as it may send.
func mapTx(fd int, c *TxConfig) (mem []byte, stride int, err error) {
	size := c.Frames * c.FrameSize
	stride = c.stride()
	if stride == c.FrameSize {
		mem, err = mapAt(nil, size, fd, unix.MAP_SHARED)
		return mem, stride, err
	}
	frames, err := mapAt(nil, size, fd, unix.MAP_SHARED)
	if err != nil {
		return nil, 0, err
	}
	mem, err = mapAt(nil, c.Frames*stride, -1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		unmap(frames)
		return nil, 0, err
	}
	for i := range c.Frames {
		from, to := frames[i*c.FrameSize:], mem[i*stride:]
		_, err = unix.MremapPtr(unsafe.Pointer(&from[0]), uintptr(c.FrameSize),
			unsafe.Pointer(&to[0]), uintptr(c.FrameSize), unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED)
		if err != nil {
			// Where frames were, and perhaps where this one was to go, somebody else
			// may have memory by now.
			unmap(from)
			unmap(mem[:i*stride])
			unmap(to[c.FrameSize:])
			return nil, 0, os.NewSyscallError("mremap", err)
		}
	}
	return mem, stride, nil
}

// detach puts other memory in a ring's place, at a stroke: whoever writes there
// goes on to do so, and the kernel is rid of the ring.
func detach(mem []byte) error {
	_, err := mapAt(unsafe.Pointer(&mem[0]), len(mem), -1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE|unix.MAP_FIXED)
	return err
}

func mapAt(at unsafe.Pointer, size, fd, flags int) ([]byte, error) {
	p, err := unix.MmapPtr(fd, 0, at, uintptr(size), readWrite, flags)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return unsafe.Slice((*byte)(p), size), nil
}

func unmap(mem []byte) error {
	if len(mem) == 0 {
		return nil
	}
	return os.NewSyscallError("munmap", unix.MunmapPtr(unsafe.Pointer(&mem[0]), uintptr(len(mem))))
}
