// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"net"
	"time"

	"golang.org/x/sys/unix"

	"protean/ring"
)

// rxRing is our ring alone, without the transport and the host on it.
type rxRing struct {
	fd int
	rx *ring.Rx
	*Counter
	lost uint64
}

func openRing(o *Options) (Session, error) {
	ifi, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := attachFilter(fd); err != nil {
		return nil, err
	}
	rx, err := ring.NewRx(fd, &ring.RxConfig{BlockSize: o.Block, Blocks: o.Blocks, Retire: time.Duration(o.Timeout) * time.Millisecond})
	if err != nil {
		return nil, err
	}
	return &rxRing{fd: fd, rx: rx, Counter: NewCounter()}, unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0008, Ifindex: ifi.Index})
}

// attachFilter attaches Filter to a socket.
func attachFilter(fd int) error {
	var code []unix.SockFilter
	for _, i := range Filter() {
		code = append(code, unix.SockFilter{Code: i.Op, Jt: i.Jt, Jf: i.Jf, K: i.K})
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

func (r *rxRing) Run() error {
	for {
		if err := r.rx.Wait(time.Time{}); err != nil {
			return err
		}
		if err := r.rx.Enter(); err != nil {
			return err
		}
		for {
			h, p, _ := r.rx.NextPacket()
			if h == nil {
				break
			}
			r.IP(p)
		}
		r.rx.Leave()
	}
}

func (r *rxRing) Close() {
	if s, err := r.rx.Stats(); err == nil {
		r.lost = s.Drops
	}
	r.rx.Close()
	unix.Close(r.fd)
}

func (r *rxRing) Counted() (packets, lost uint64) { return r.Packets, r.lost }
