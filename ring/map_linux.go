// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// An Rx is a receive ring of a packet socket. One goroutine at a time reads it,
// between Enter and Leave; Wake, Stats and Close may be called from anywhere.
type Rx struct {
	cursor
	gate
	cfg    RxConfig
	counts counts
	waiter waiter
	leak   runtime.Cleanup // counts the ring unless Close stops it
}

// NewRx makes the ring of a packet socket and maps it. It reads from all of its
// memory, for the first packets not to wait for page tables: where those are kept
// twice, a ring of 16 MiB takes 10 to 25 ms. The socket must not be
// bound yet, or it would have received without the ring, nor have a ring. fd
// stays the caller's; the ring has a duplicate of its own, so that the socket
// lives until both are closed. It becomes non-blocking when Wait is used. Errors:
// *[ConfigError], *[OptionError], *os.SyscallError.
func NewRx(fd int, cfg *RxConfig) (*Rx, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	version := versionV3
	if c.V2 {
		version = versionV2
	}
	if err := setInt(fd, unix.PACKET_VERSION, version, "PACKET_VERSION"); err != nil {
		return nil, err
	}
	if c.Reserve > 0 {
		if err := setInt(fd, unix.PACKET_RESERVE, c.Reserve, "PACKET_RESERVE"); err != nil {
			return nil, err
		}
	}
	if err := c.halve(func() error { return c.request(fd) }); err != nil {
		return nil, err
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl F_DUPFD_CLOEXEC", err)
	}
	mem, err := mapRing(fd, c.Blocks*c.BlockSize)
	if err != nil {
		unix.Close(own)
		return nil, err
	}
	page, written := os.Getpagesize(), c.BlockSize // where its status is
	if c.V2 {
		written = max(c.FrameSize, page)
	}
	for i := range c.Blocks {
		touch(mem[i*c.BlockSize:][:c.BlockSize], page, written)
	}
	r := &Rx{cfg: c}
	r.cursor.init(mem, c.V2, c.BlockSize, c.Blocks, c.FrameSize)
	r.waiter.init(own, r.pending)
	r.leak = watch(r)
	return r, nil
}

// request asks for the ring.
func (c *RxConfig) request(fd int) error {
	if c.V2 {
		return setRing(fd, unix.PACKET_RX_RING, "PACKET_RX_RING", &unix.TpacketReq{
			Block_size: uint32(c.BlockSize), Block_nr: uint32(c.Blocks),
			Frame_size: uint32(c.FrameSize), Frame_nr: uint32(c.BlockSize / c.FrameSize * c.Blocks),
		})
	}
	req := &unix.TpacketReq3{
		Block_size: uint32(c.BlockSize), Block_nr: uint32(c.Blocks),
		// Blocks are not divided into frames; the kernel wants a size all the same.
		Frame_size: uint32(c.BlockSize), Frame_nr: uint32(c.Blocks),
	}
	if c.Retire > 0 {
		req.Retire_blk_tov = uint32(max(1, c.Retire.Milliseconds()))
	}
	if c.Hash {
		req.Feature_req_word = fillHash
	}
	return setRing(fd, unix.PACKET_RX_RING, "PACKET_RX_RING", req)
}

// Config returns the configuration with all defaults resolved, and as many
// blocks as there are.
func (r *Rx) Config() RxConfig { return r.cfg }

// Enter begins a time of reading, in which the ring stays mapped. It fails with
// net.ErrClosed once Close was called.
func (r *Rx) Enter() error { return r.gate.enter() }

// Leave ends what Enter began. Frames must not be used any more. What has been
// read to its end goes back to the kernel; a V3 block that has not is gone on
// with by the next Next.
func (r *Rx) Leave() {
	r.cursor.rest()
	r.gate.leave()
}

// Next makes f the next frame. It returns false if there is none at present. What
// the frame before it lay in goes back to the kernel: a V2 frame at once, a V3
// block with its last frame. It is advanced before it returns, so that a frame
// on which its reader panics does not come again.
func (r *Rx) Next(f *Frame) bool { return f.set(r.cursor.next()) }

// NextPacket is Next for who wants to know no more than what follows a frame's
// link header. It returns that, what the kernel tells of the frame, and the
// length of the link header; a nil Header if there is no frame. It takes less time
// than Next: all that it returns is in registers.
func (r *Rx) NextPacket() (h *Header, network []byte, link int) { return r.cursor.next() }

// Ready reports whether Next may find something, or Close was called. It is the
// reader's to call, inside of Enter and Leave or outside.
func (r *Rx) Ready() bool {
	if r.gate.enter() != nil {
		return true
	}
	defer r.gate.leave()
	return r.cursor.ready()
}

// HasNext reports whether Next may find something. Like that it is for the reader,
// and between Enter and Leave only, or where there is no Close meanwhile: it takes
// no lock.
func (r *Rx) HasNext() bool { return len(r.mem) > 0 && r.cursor.ready() }

// Close wakes the reader, waits until it has left, and unmaps the ring. The
// socket goes on to receive until it is closed, too. It is idempotent. It fails
// with [ErrInUse] when the reader does not leave within some seconds.
func (r *Rx) Close() error {
	return r.gate.shut(r.waiter.wake, func() error {
		mem := r.mem
		r.leak.Stop()
		r.cursor.forget()
		return errors.Join(r.count(), r.waiter.close(), os.NewSyscallError("munmap", unix.Munmap(mem)))
	})
}

// mapRing maps the only ring of a socket. Memory is there at once: the kernel
// has allocated it. See also touch.
func mapRing(fd, size int) ([]byte, error) {
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	return mem, os.NewSyscallError("mmap", err)
}

func setInt(fd, option, value int, name string) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, option, value); err != nil {
		return &OptionError{name, err}
	}
	return nil
}

// setRing sets an option to a structure.
func setRing[T any](fd, option int, name string, req *T) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_PACKET, uintptr(option),
		uintptr(unsafe.Pointer(req)), unsafe.Sizeof(*req), 0)
	if errno != 0 {
		return &OptionError{name, errno}
	}
	return nil
}
