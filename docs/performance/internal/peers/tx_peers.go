// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package peers

import (
	"net"
	"protean/docs/performance/internal/worker"
	"syscall"

	"github.com/mdlayher/packet"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// A loop is a worker.Session that calls a function until it is closed.
type loop struct {
	step  func() (int, error)
	stop  func() error
	count uint64
}

func (l *loop) Run() error {
	for {
		n, err := l.step()
		if err != nil {
			return err
		}
		l.count += uint64(n)
	}
}

func (l *loop) Close()                          { l.stop() }
func (l *loop) Counted() (packets, lost uint64) { return l.count, 0 }

// openTxNet is net.IPConn.WriteTo, whose header the kernel builds.
func openTxNet(o *worker.Options) (worker.Session, error) {
	c, err := net.ListenIP("ip4:253", nil)
	if err != nil {
		return nil, err
	}
	buf, to := make([]byte, o.Payload()), &net.IPAddr{IP: o.Dst.AsSlice()}
	l := &loop{stop: c.Close}
	l.step = func() (int, error) {
		_, err := c.WriteTo(buf, to)
		return 1, ignoreFull(err)
	}
	return l, nil
}

// openTxXNet is WriteBatch of golang.org/x/net/ipv4, whose header the kernel
// builds.
func openTxXNet(o *worker.Options) (worker.Session, error) {
	c, err := net.ListenIP("ip4:253", nil)
	if err != nil {
		return nil, err
	}
	p := ipv4.NewPacketConn(c)
	ms := make([]ipv4.Message, o.Batch)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, o.Payload())}
		ms[i].Addr = &net.IPAddr{IP: o.Dst.AsSlice()}
	}
	l := &loop{stop: c.Close}
	l.step = func() (int, error) {
		n, err := p.WriteBatch(ms, 0)
		return max(n, 0), ignoreFull(err)
	}
	return l, nil
}

// openTxMdlayher is github.com/mdlayher/packet.
func openTxMdlayher(o *worker.Options) (worker.Session, error) {
	ifi, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, err
	}
	c, err := packet.Listen(ifi, packet.Raw, 0xffff, nil) // a protocol that nobody uses
	if err != nil {
		return nil, err
	}
	buf, to := make([]byte, o.Size), &packet.Addr{HardwareAddr: o.MAC[:]}
	l := &loop{stop: c.Close}
	l.step = func() (int, error) {
		worker.Frame(buf, [6]byte(ifi.HardwareAddr), o, l.count)
		_, err := c.WriteTo(buf, to)
		return 1, ignoreFull(err)
	}
	return l, nil
}

// ignoreFull has a sender go on when a queue below it is full.
func ignoreFull(err error) error {
	if errno, ok := asErrno(err); ok && (errno == unix.ENOBUFS || errno == unix.EAGAIN) {
		return nil
	}
	return err
}

func asErrno(err error) (syscall.Errno, bool) {
	for err != nil {
		if e, ok := err.(syscall.Errno); ok {
			return e, true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return 0, false
		}
		err = u.Unwrap()
	}
	return 0, false
}
