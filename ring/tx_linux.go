// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A Tx is a transmit ring of a packet socket of type SOCK_RAW. One goroutine at a
// time uses it; Close may be called from anywhere.
//
// A socket with a transmit ring sends nothing but what is in it: the kernel
// ignores what other calls give it, and says that it was sent. So the socket has
// to be one of its own, which receives nothing.
type Tx struct {
	ring txRing
	gate gate
	fd   int
	cfg  TxConfig
	leak runtime.Cleanup // counts the ring unless Close stops it
}

// NewTx makes the transmit ring of a packet socket and maps it. The socket has to
// be bound to an interface, with protocol 0, before the first Kick. fd stays the
// caller's, who closes it after the ring. Errors are as for [NewRx].
func NewTx(fd int, cfg *TxConfig) (*Tx, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	block := max(c.FrameSize, os.Getpagesize())
	per := block / c.FrameSize
	c.Frames = (c.Frames + per - 1) / per * per
	if err := setInt(fd, unix.PACKET_VERSION, versionV2, "PACKET_VERSION"); err != nil {
		return nil, err
	}
	err = setRing(fd, unix.PACKET_TX_RING, "PACKET_TX_RING", &unix.TpacketReq{
		Block_size: uint32(block), Block_nr: uint32(c.Frames / per),
		Frame_size: uint32(c.FrameSize), Frame_nr: uint32(c.Frames),
	})
	if err != nil {
		return nil, err
	}
	mem, err := mapRing(fd, c.Frames*c.FrameSize)
	if err != nil {
		return nil, err
	}
	t := &Tx{fd: fd, cfg: c, ring: txRing{mem: mem, frame: c.FrameSize, n: c.Frames, max: c.MaxFrame}}
	t.leak = watch(t)
	return t, nil
}

// Config returns the configuration with all defaults resolved.
func (t *Tx) Config() TxConfig { return t.cfg }

// SetMaxFrame changes TxConfig.MaxFrame, when the interface's MTU has changed.
func (t *Tx) SetMaxFrame(n int) {
	t.ring.max = min(max(n, 0), t.cfg.FrameSize-txData)
}

// Enter begins a time of use, in which the ring stays mapped. It fails with
// net.ErrClosed once Close was called.
func (t *Tx) Enter() error { return t.gate.enter() }

// Leave ends what Enter began. Data of frames must not be used any more.
func (t *Tx) Leave() { t.gate.leave() }

// Data returns the memory of the i-th frame that can be filled, counted from 0,
// in the order in which they will be sent. It has room for Config.MaxFrame bytes,
// from the link header on, and is the caller's until Request. It is nil if so
// many frames are not available.
func (t *Tx) Data(i int) []byte { return t.ring.free(i) }

// Fill tells that the i-th frame that can be filled has n bytes. Errors:
// *[SizeError]; [ErrNoFrame] where Data returns nil.
func (t *Tx) Fill(i, n int) error { return t.ring.fill(i, n) }

// Request hands the first n frames over, which must have been filled. They are
// sent by the next Kick.
func (t *Tx) Request(n int) { t.ring.request(n) }

// Kick has the kernel send the frames that are requested, without waiting until
// they are gone. Frames that it finds wrong are taken out of the ring, counted
// as refused, and the others go on. An error is about the frames that are left,
// which the next Kick tries again: *os.SyscallError around ENOBUFS or EAGAIN
// when a queue is full, ENETDOWN when the interface is down, ENXIO when it is
// gone.
func (t *Tx) Kick() error {
	for {
		err := t.send()
		if !t.ring.rescue() {
			return err
		}
	}
}

func (t *Tx) send() error {
	for {
		_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(t.fd), 0, 0, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return os.NewSyscallError("sendto", errno)
		}
	}
}

// UnderWay returns how many frames are requested or being sent.
func (t *Tx) UnderWay() int { return t.ring.underWay() }

// Sent returns how many frames the kernel has sent, and how many it refused.
func (t *Tx) Sent() (sent, refused uint64) {
	t.ring.reap()
	return t.ring.done, t.ring.refused
}

// SentBytes returns how many bytes the frames had that the kernel has sent, from
// their link headers on.
func (t *Tx) SentBytes() uint64 {
	t.ring.reap()
	return t.ring.bytes
}

// Drain has what is requested sent, for as long as until the given time. It
// returns how many frames have not left by then.
func (t *Tx) Drain(until time.Time) (left int) {
	for pause := 10 * time.Microsecond; ; pause = min(2*pause, time.Millisecond) {
		if left = t.UnderWay(); left == 0 {
			return 0
		}
		err := t.Kick()
		if left = t.UnderWay(); left == 0 || !time.Now().Before(until) {
			return left
		}
		if errors.Is(err, unix.ENXIO) {
			return left // the interface is gone for good
		}
		time.Sleep(pause)
	}
}

// Close waits until who uses the ring has left, and unmaps it. Frames that were
// not sent are lost: see Drain. It is idempotent. It fails with [ErrInUse] when
// the user does not leave within some seconds.
func (t *Tx) Close() error {
	return t.gate.shut(func() {}, func() error {
		t.leak.Stop()
		return os.NewSyscallError("munmap", unix.Munmap(t.ring.mem))
	})
}
