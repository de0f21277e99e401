// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"encoding/binary"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"protean/ring/sysmon"
	"protean/transport/internal/pace"
)

// A Poller waits for any number of sockets without a goroutine for each: they
// are in an epoll instance, which is itself a descriptor that the runtime's
// poller waits for, deadlines included.
type Poller struct {
	fd   int // of the epoll instance; its owner is file
	file *os.File
	raw  syscall.RawConn

	woken    atomic.Bool // a Wake is due to a Wait
	deadline atomic.Bool // file may have a read deadline

	// Of the receiving goroutine.
	coarse bool // the kernel waits for milliseconds only
	alone  bool // there is one processor
	parked bool // by Block, since Linger has let others run
	guard  sysmon.Guard
	ready  func(uintptr) bool // of the Block in progress
	asked  int                // how often it was called
	check  func(uintptr) bool // calls it; made once, or each Block would allocate

	bell    *os.File    // an eventfd(2), which wakes a thread that lingers for long
	lingers atomic.Bool // one does
}

// bellID is the id of the eventfd, whose events mean nothing but that there are.
const bellID = -1

// ring is what is written to it. It is added up, and since nobody reads it, has
// to be small: a write that the sum has no room for would block for ever.
var ring = binary.NativeEndian.AppendUint64(nil, 1)

// Open makes the poller ready for use. The caller closes it, also after an
// error.
func (p *Poller) Open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	// os.NewFile leaves blocking descriptors out of the runtime's poller.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return os.NewSyscallError("fcntl O_NONBLOCK", err)
	}
	p.fd, p.file = fd, os.NewFile(uintptr(fd), "epoll")
	p.guard.Parked(sysmon.Now())
	p.check = func(fd uintptr) bool {
		if p.asked++; p.asked > 1 {
			p.wasParked()
		}
		return p.ready(fd)
	}
	p.raw, err = p.file.SyscallConn()
	if err == nil {
		err = p.file.SetReadDeadline(time.Time{}) // fails if the poller has refused it
	}
	if err != nil {
		return err
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	p.bell = os.NewFile(uintptr(bell), "eventfd")
	// With EPOLLET each write is an event of its own, and nobody has to read.
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: bellID}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, bell, &ev))
}

// Close closes the poller. Nobody may be in Block.
func (p *Poller) Close() {
	if p.file != nil {
		p.file.Close()
	}
	if p.bell != nil {
		p.bell.Close()
	}
}

// Events fills evs with what is ready, and returns how many there are; their Fd
// is the id given to Watch, which is not negative. If there is nothing, it blocks
// the thread until there is, for d at most.
func (p *Poller) Events(evs []unix.EpollEvent, d time.Duration) int {
	if d <= 0 { // where packets come and come, nothing else is called now and then
		p.guard.Busy(sysmon.Now())
	}
	n := p.events(evs, d)
	for i := range evs[:n] {
		if evs[i].Fd == bellID {
			return i + copy(evs[i:], evs[i+1:n])
		}
	}
	return n
}

func (p *Poller) events(evs []unix.EpollEvent, d time.Duration) int {
	if d <= 0 || p.coarse {
		// It is answered at once: as a raw system call, since any other one of a
		// thread that has just woken up wakes the runtime's monitor thread, too.
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&evs[0])), uintptr(len(evs)), 0, 0, 0)
		if errno != 0 {
			return 0
		}
		return int(n)
	}
	ts := [2]int64{int64(d / time.Second), int64(d % time.Second)} // struct __kernel_timespec, whatever the architecture's own
	call := unix.Syscall6
	if p.alone { // see Linger
		call = unix.RawSyscall6
	}
	n, _, errno := call(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&evs[0])), uintptr(len(evs)), uintptr(unsafe.Pointer(&ts)), 0, 0)
	switch errno {
	case 0:
		return int(n)
	case unix.ENOSYS: // before Linux 5.11
		p.coarse = true
	}
	return 0
}

// Woken reports whether a Wake is due, and takes it.
func (p *Poller) Woken() bool { return p.woken.Swap(false) }

// Watch has Events report a socket for as long as it is readable.
func (p *Poller) Watch(fd, id int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(id)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// WatchErrors has Events report a socket for as long as there is something in
// its error queue, and no packets.
func (p *Poller) WatchErrors(fd, id int) error {
	ev := unix.EpollEvent{Fd: int32(id)} // EPOLLERR is implied
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// WatchRoom has Events report once that a socket is writable.
func (p *Poller) WatchRoom(fd, id int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLOUT | unix.EPOLLONESHOT, Fd: int32(id)}
	err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &ev)
	if err == unix.ENOENT {
		err = unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &ev)
	}
	return os.NewSyscallError("epoll_ctl", err)
}

// WatchBoth has Events report a socket that Watch was called for as long as it is
// readable or, if room is set, writable.
func (p *Poller) WatchBoth(fd, id int, room bool) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(id)}
	if room {
		ev.Events |= unix.EPOLLOUT
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, fd, &ev))
}

// Unwatch has to come before the socket is closed by us but is used by others
// still: epoll would go on to report it.
func (p *Poller) Unwatch(fd int) {
	unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) // ENOENT if it never was watched
}

// Wake makes the Block in progress, or else the next one, return at once. It may
// be called from anywhere.
func (p *Poller) Wake() {
	// In this order: a Wait that misses the first finds the second.
	p.woken.Store(true)
	p.deadline.Store(true)
	if p.file != nil {
		p.file.SetReadDeadline(time.Unix(1, 0)) // fails after Close, when nobody waits
	}
	if p.lingers.Load() {
		p.bell.Write(ring) // likewise
	}
}

// Block calls ready until it returns true, at first at once and then whenever
// something happens. It returns early on Wake and when until has passed.
func (p *Poller) Block(until time.Time, ready func(uintptr) bool) error {
	if !until.IsZero() && !time.Now().Before(until) {
		return nil
	}
	if !until.IsZero() || p.deadline.Load() {
		p.deadline.Store(!until.IsZero())
		if err := p.file.SetReadDeadline(until); err != nil {
			return err
		}
	}
	// A Wake since the caller looked may have set a deadline that has just
	// been overwritten.
	if p.woken.Swap(false) {
		return nil
	}
	p.guard.Yield()
	p.ready, p.asked = ready, 0
	err := p.raw.Read(p.check)
	if os.IsTimeout(err) { // parked, or it was too late for that
		p.wasParked()
		// A Wake whose flag the last Block has taken back may have set its deadline
		// after that: without this, no Block would ever clear it.
		p.deadline.Store(true)
		p.woken.Store(false)
		return nil
	}
	return err
}

func (p *Poller) wasParked() {
	p.parked = true
	p.guard.Parked(sysmon.Now())
}

// Linger is poll, which calls Events, with a moment for packets to come before
// the caller blocks; see package pace. now is [sysmon.Now], and taken how many came
// so far. due tells, without asking what is ready, that there is something to do. A
// Wake is noticed after [pace.Linger] or a nap.
//
// With one processor the thread keeps it while it waits: raw system calls leave the
// runtime's monitor thread asleep, which would take the processor from it after
// 20 µs, and looks around for 5 ms from when it was woken, at the cost of as much each
// time. What the monitor would do is done here: others run before the wait, and
// the caller is parked every [sysmon.Turn], so that the runtime's poller is asked.
func (p *Poller) Linger(pacer *pace.Pacer, now time.Duration, until time.Time, taken uint64, due func(now time.Duration) bool, poll func(time.Duration) bool) bool {
	left := pace.Patience
	if !until.IsZero() {
		if left = time.Until(until); left < pace.Nap+pace.Linger {
			return poll(0)
		}
	}
	if pacer.Next(now, taken) {
		ts := unix.NsecToTimespec(int64(pace.Nap))
		unix.Nanosleep(&ts, nil)
		if poll(0) {
			return true
		}
		pacer.Idle()
		return false
	}
	if due(now) {
		// To ask whether anybody waits for a turn takes longer than the rest.
		if pacer.Yield(now, false) {
			if pacer.Alone() || p.parked {
				p.letRun()
			}
			runtime.Gosched()
		}
		return true
	}
	p.alone = pacer.Alone() && runtime.GOMAXPROCS(0) == 1 // the pacer looks at it now and then
	blocks := true
	if p.alone || p.parked { // else the calls that block here have woken the monitor
		blocks = p.letRun()
	}
	if pacer.Yield(now, blocks) {
		runtime.Gosched()
	}
	if p.alone && p.guard.Awake(now) > sysmon.Turn {
		return poll(0) // if there is nothing, the caller is parked
	}
	d := min(left, pacer.Bound())
	if d <= pace.Linger {
		return poll(d)
	}
	// In this order: a Wake that does not see the one has set the other.
	p.lingers.Store(true)
	defer p.lingers.Store(false)
	if p.woken.Load() {
		return poll(0)
	}
	return poll(d)
}

// letRun is to be called before others get to run, and reports whether somebody
// will.
func (p *Poller) letRun() bool {
	p.parked = false
	return p.guard.Yield()
}
