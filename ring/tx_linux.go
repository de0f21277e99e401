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
// Frames are lent by Reserve, filled in place, and taken back by Request, which
// has them sent, or by Release, which does not. What is requested is sent in the
// order of the calls of Request, whatever the order in which frames were lent. A
// packet is sent from where it was written if its frame is the next in the ring:
// if frames are requested as they were lent, and none is released in front of one
// that is not. Otherwise Request copies it.
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

	fresh int // frames requested since a Kick that left none
}

// NewTx makes the transmit ring of a packet socket and maps it. The socket has to
// be bound to an interface, with protocol 0, before the first Kick. fd stays the
// caller's, who closes it after the ring. Errors are as for [NewRx], and an
// *os.SyscallError of mremap(2) with ENOMEM when the process has too many
// mappings for TxConfig.Room.
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
	mem, stride, err := mapTx(fd, &c)
	if err != nil {
		return nil, err
	}
	t := &Tx{fd: fd, cfg: c}
	t.ring.init(mem, stride, c.FrameSize, c.Frames, c.MaxFrame, c.Room)
	first := min(os.Getpagesize(), c.FrameSize) // of a frame's pages, which is all that most packets need
	for i := range c.Frames {
		touch(t.ring.at(i)[:first], first, first)
	}
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

// Leave ends what Enter began.
func (t *Tx) Leave() { t.gate.leave() }

// Reserve lends a frame, the next in the ring if it is available, and returns its
// number. It returns -1 if none is.
func (t *Tx) Reserve() int { return t.ring.lend() }

// Data returns the memory of a lent frame for its data, from the link header on. Its
// length is TxConfig.MaxFrame, its capacity at least TxConfig.Room. It is the
// caller's until Request or Release, and stays memory when the ring is closed.
func (t *Tx) Data(frame int) []byte { return t.ring.data(frame) }

// Lent returns how many frames are lent.
func (t *Tx) Lent() int { return t.ring.count }

// Release takes back a lent frame that is not to be sent. It does nothing to one
// that is not lent.
func (t *Tx) Release(frame int) { t.ring.free(frame) }

// Request takes back a lent frame whose first n bytes are to be sent by the next
// Kick. Errors, after which the frame is still lent: *[SizeError]; [ErrOrder] if
// the frame whose turn it is is lent, so that the packet can only be sent by
// another socket, or later; [ErrNoFrame] if this one is not lent.
func (t *Tx) Request(frame, n int) error {
	err := t.ring.request(frame, n)
	if err == nil {
		t.fresh++
	}
	return err
}

// Waiting reports whether frames are requested that the kernel has not taken:
// something that is sent by another socket would overtake them.
func (t *Tx) Waiting() bool { return t.ring.waiting() }

// GiveUp takes the first frame out of the ring that the kernel has not taken, and
// counts it as refused. It is for a frame for which Kick fails with ENOBUFS again
// and again, since a filter drops it on its way out each time: the kernel
// goes no farther. It reports whether there was one.
func (t *Tx) GiveUp() bool { return t.ring.giveUp() }

// Copied returns how many frames were copied to another place in the ring.
func (t *Tx) Copied() uint64 { return t.ring.copied }

// KickEvery is how many frames are best requested between two calls of Kick: so
// few are sent by a system call that the runtime is not told of. Of others its
// monitor takes the processor away when they last, which costs more than the
// frames; the runtime cannot stop the world during this one.
const KickEvery = 64

// Kick has the kernel send the frames that are requested, without waiting until
// they are gone. Frames that it finds wrong are taken out of the ring, counted
// as refused, and the others go on. An error is about the frames that are left,
// which the next Kick tries again: *os.SyscallError around ENOBUFS or EAGAIN
// when a queue is full, ENETDOWN when the interface is down, ENXIO when it is
// gone.
func (t *Tx) Kick() error {
	for {
		errno := t.send()
		if t.ring.rescue() {
			continue
		}
		if errno == 0 && t.ring.waiting() {
			// It has no room for more, but says so only if it took none.
			errno = unix.EAGAIN
		}
		if errno == 0 {
			t.fresh = 0
			return nil
		}
		return os.NewSyscallError("sendto", errno)
	}
}

func (t *Tx) send() (errno unix.Errno) {
	for {
		if t.fresh <= KickEvery {
			_, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(t.fd), 0, 0, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		} else {
			_, _, errno = unix.Syscall6(unix.SYS_SENDTO, uintptr(t.fd), 0, 0, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		}
		if errno != unix.EINTR {
			return errno
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
// not sent are lost: see Drain. Where frames are lent, their memory stays, with
// zeros in it and shared with nobody, until the process ends. It is idempotent. It
// fails with [ErrInUse] when the user does not leave within some seconds.
func (t *Tx) Close() error {
	return t.gate.shut(func() {}, func() error {
		t.leak.Stop()
		if t.ring.count > 0 {
			return detach(t.ring.mem)
		}
		return unmap(t.ring.mem)
	})
}
