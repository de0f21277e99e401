// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"math"
	"os"
	"syscall"
	"time"
)

// Defaults of an [RxConfig] and a [TxConfig].
const (
	DefaultBlockSize = 256 << 10
	DefaultBlocks    = 32
	DefaultFrameSize = 2048
	DefaultRetire    = 2 * time.Millisecond
	DefaultTxFrames  = 1024
)

// An RxConfig says what a receive ring looks like. The zero value is a ring of
// TPACKET_V3 with 32 blocks of 256 KiB.
type RxConfig struct {
	// V2 makes it a ring of TPACKET_V2: a frame of fixed size for each packet,
	// which is there at once. Otherwise it is one of TPACKET_V3: blocks that the
	// kernel fills with packets back to back, and hands over when they are
	// full or Retire is over.
	V2 bool

	// BlockSize is in bytes, a multiple of the page size. A packet that does not
	// fit into a block is truncated. 0 means DefaultBlockSize.
	BlockSize int

	// Blocks is their number. 0 means DefaultBlocks. If there is no memory for so
	// many and Shrink is set, half as many are tried, and so on.
	Blocks int
	Shrink bool

	// FrameSize is the size in bytes of a V2 frame with its header, a multiple of
	// 16 and at least 128. A packet that does not fit is truncated. 0 means
	// DefaultFrameSize.
	FrameSize int

	// Retire is how long a V3 block may fill, in whole milliseconds: the longest
	// that a packet waits, and about half of it on average for packets that
	// come alone. 0 means DefaultRetire. A ring that nobody reads has room for Blocks
	// times as long, however few frames come. If it is negative, the kernel chooses:
	// 8 ms where the ring is made before its socket is bound.
	Retire time.Duration

	// Hash asks for the kernel's flow hash with each V3 frame.
	Hash bool

	// Reserve is room in bytes in front of each frame (PACKET_RESERVE), a
	// multiple of 16.
	Reserve int
}

// A TxConfig says what a transmit ring looks like. The zero value has 1024
// frames of 2048 bytes.
type TxConfig struct {
	// Frames is the number of frames. It is rounded up to fill whole pages.
	// 0 means DefaultTxFrames.
	Frames int

	// FrameSize is the size in bytes of a frame with its header, a power of two from
	// 128 bytes to 128 KiB, which the largest packet needs. 0 means DefaultFrameSize.
	FrameSize int

	// MaxFrame is the most bytes, from the link header on, that the interface
	// takes. 0 means what fits.
	MaxFrame int

	// Room is how many bytes, from the link header on, there is memory for at each
	// frame, for callers who write first and find out later that it is too much to
	// be sent. 0 means what fits. If it is more, FrameSize has to be a multiple of
	// the page size, and each frame takes two of the mappings that a process may
	// have (vm.max_map_count in Documentation/admin-guide/sysctl/vm.rst).
	Room int
}

func (c *RxConfig) withDefaults() (RxConfig, error) {
	var d RxConfig
	if c != nil {
		d = *c
	}
	orDefault(&d.BlockSize, DefaultBlockSize)
	orDefault(&d.Blocks, DefaultBlocks)
	orDefault(&d.FrameSize, DefaultFrameSize)
	orDefault(&d.Retire, DefaultRetire)
	switch {
	case d.BlockSize < 0 || d.BlockSize%os.Getpagesize() != 0:
		return d, &ConfigError{"BlockSize", d.BlockSize, "is not a multiple of the page size"}
	case d.BlockSize > math.MaxInt32:
		return d, &ConfigError{"BlockSize", d.BlockSize, "is more than the kernel can count"}
	case d.Blocks < 1 || d.Blocks > math.MaxInt32/128:
		return d, &ConfigError{"Blocks", d.Blocks, "is out of range"}
	case int64(d.Blocks)*int64(d.BlockSize) > math.MaxInt:
		return d, &ConfigError{"Blocks", d.Blocks, "is more than there are addresses for"}
	case d.V2 && (d.FrameSize < 128 || d.FrameSize%alignment != 0 || d.FrameSize > d.BlockSize):
		return d, &ConfigError{"FrameSize", d.FrameSize, "is not a multiple of 16 from 128 to BlockSize"}
	case d.V2 && int64(d.BlockSize/d.FrameSize)*int64(d.Blocks) > math.MaxInt32:
		return d, &ConfigError{"Blocks", d.Blocks, "makes more frames than the kernel can count"}
	case d.Retire > math.MaxInt32*time.Millisecond:
		return d, &ConfigError{"Retire", int(d.Retire / time.Millisecond), "milliseconds are more than the kernel can count"}
	case d.Reserve < 0 || d.Reserve%alignment != 0 || d.Reserve > 4096:
		return d, &ConfigError{"Reserve", d.Reserve, "is not a multiple of 16 from 0 to 4096"}
	}
	return d, nil
}

// halve calls request until there is memory for what it asks for.
func (c *RxConfig) halve(request func() error) error {
	for {
		err := request()
		if !errors.Is(err, syscall.ENOMEM) || !c.Shrink || c.Blocks == 1 {
			return err
		}
		c.Blocks /= 2
	}
}

// maxRoom is the most that makes sense: what a frame may have.
const maxRoom = 128 << 10

func (c *TxConfig) withDefaults() (TxConfig, error) {
	var d TxConfig
	if c != nil {
		d = *c
	}
	orDefault(&d.Frames, DefaultTxFrames)
	orDefault(&d.FrameSize, DefaultFrameSize)
	switch {
	case d.FrameSize < 128 || d.FrameSize&(d.FrameSize-1) != 0 || d.FrameSize > 128<<10:
		return d, &ConfigError{"FrameSize", d.FrameSize, "is not a power of two from 128 to 131072"}
	case d.Frames < 1 || d.Frames > math.MaxInt32/d.FrameSize:
		return d, &ConfigError{"Frames", d.Frames, "is out of range"}
	case d.MaxFrame < 0:
		return d, &ConfigError{"MaxFrame", d.MaxFrame, "is negative"}
	}
	fits := d.FrameSize - txData
	if d.MaxFrame == 0 || d.MaxFrame > fits {
		d.MaxFrame = fits
	}
	switch {
	case d.Room < 0 || d.Room > maxRoom:
		return d, &ConfigError{"Room", d.Room, "is not in 0 to 131072"}
	case d.Room > fits && d.FrameSize%os.Getpagesize() != 0:
		return d, &ConfigError{"FrameSize", d.FrameSize, "is not a multiple of the page size, as Room takes"}
	}
	d.Room = max(d.Room, fits)
	// Frames are rounded up, by less than a page.
	if int64(d.Frames)*int64(d.stride()) > math.MaxInt-int64(os.Getpagesize()) {
		return d, &ConfigError{"Frames", d.Frames, "is more than there are addresses for"}
	}
	return d, nil
}

// stride is how many bytes apart frames are in memory.
func (c *TxConfig) stride() int {
	if txData+c.Room <= c.FrameSize {
		return c.FrameSize
	}
	page := os.Getpagesize()
	return (txData + c.Room + page - 1) / page * page
}

func orDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
