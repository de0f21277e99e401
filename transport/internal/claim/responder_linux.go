// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package claim

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport/internal/netns"
)

// Announcements come so many times, with so much time between: ANNOUNCE_NUM and
// ANNOUNCE_INTERVAL of RFC 5227, MAX_NEIGHBOR_ADVERTISEMENT and RETRANS_TIMER of
// RFC 4861.
const (
	announceNum4, announceInterval4 = 2, 2 * time.Second
	announceNum6, announceInterval6 = 3, time.Second

	defendInterval = 10 * time.Second // RFC 5227, section 1.1
)

// A Responder answers for addresses on one interface. It is safe for concurrent
// use.
type Responder struct {
	ns      *netns.Handle
	ifindex int
	own     func() wire.MAC

	mu     sync.Mutex
	closed bool
	addrs  map[netip.Addr]*address
	s      *sockets // nil until something is claimed
}

// An address is a claimed one.
type address struct {
	hw       wire.MAC // zero: the interface's
	left     int      // announcements still to come
	timer    *time.Timer
	defended time.Time
}

// New returns a Responder on an interface of a namespace, which must have
// Ethernet addresses; own tells its own. The namespace stays open until Close.
func New(ns *netns.Handle, ifindex int, own func() wire.MAC) *Responder {
	return &Responder{ns: ns, ifindex: ifindex, own: own, addrs: make(map[netip.Addr]*address)}
}

// Claim answers for an address from now on, with hw or, if that is zero, with
// the interface's hardware address, and announces it. For one that is claimed
// already it changes hw and announces it again. The error is an
// *[os.SyscallError].
func (r *Responder) Claim(a netip.Addr, hw wire.MAC) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return net.ErrClosed
	}
	if r.s == nil {
		r.s = &sockets{r: r}
	}
	c := r.addrs[a]
	if c == nil || c.hw != hw {
		if err := r.s.listen(a, hw); err != nil {
			return err
		}
	}
	switch {
	case c == nil:
		c = &address{hw: hw}
		c.timer = time.AfterFunc(time.Hour, func() { r.again(a, c) })
		r.addrs[a] = c
	case c.hw != hw:
		r.s.ignore(a, c.hw)
		c.hw = hw
	}
	if c.left = announceNum4; a.Is6() {
		c.left = announceNum6
	}
	r.announce(a, c)
	return nil
}

// Unclaim ends that. An address that is not claimed is no error.
func (r *Responder) Unclaim(a netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.addrs[a]; c != nil {
		c.timer.Stop()
		delete(r.addrs, a)
		r.s.ignore(a, c.hw)
	}
}

// Close ends all of it and waits for the Responder's goroutine.
func (r *Responder) Close() {
	r.mu.Lock()
	closed, s := r.closed, r.s
	r.closed = true
	for _, c := range r.addrs {
		c.timer.Stop()
	}
	r.mu.Unlock()
	if !closed && s != nil {
		s.close()
	}
}

// announce sends one of the announcements that are left. The caller holds mu.
func (r *Responder) announce(a netip.Addr, c *address) {
	interval := announceInterval4
	if a.Is4() {
		r.s.send(unix.ETH_P_ARP, announceARP(a, r.hardware(c)))
	} else {
		interval = announceInterval6
		r.s.send(unix.ETH_P_IPV6, announceND(a, r.hardware(c)))
	}
	if c.left--; c.left > 0 {
		c.timer.Reset(interval)
	} else {
		c.timer.Stop()
	}
}

func (r *Responder) again(a netip.Addr, c *address) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed && r.addrs[a] == c && c.left > 0 {
		r.announce(a, c)
	}
}

func (r *Responder) hardware(c *address) wire.MAC {
	if c.hw == (wire.MAC{}) {
		return r.own()
	}
	return c.hw
}

// owner implements the type of this name. The caller holds mu.
func (r *Responder) owner(a netip.Addr) (wire.MAC, bool) {
	c := r.addrs[a]
	if c == nil {
		return wire.MAC{}, false
	}
	return r.hardware(c), true
}

// take answers a frame. direct is false for what the interface took although it
// is to another hardware address.
func (r *Responder) take(protocol int, b []byte, direct bool) {
	f, bad := wire.ParseEthernet(b)
	if bad != wire.NotMalformed || f.NumTags() > 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || !direct && !r.answersTo(f.Dst()) {
		return
	}
	if protocol == unix.ETH_P_IPV6 {
		r.s.send(protocol, answerND(f.Payload(), f.Src(), r.owner))
		return
	}
	reply, conflict := answerARP(f.Payload(), r.owner)
	r.s.send(protocol, reply)
	if c := r.addrs[conflict]; c != nil && time.Since(c.defended) >= defendInterval {
		c.defended, c.left = time.Now(), 1
		r.announce(conflict, c)
	}
}

// answersTo reports whether a hardware address is one that was claimed with an
// address.
func (r *Responder) answersTo(hw wire.MAC) bool {
	for _, c := range r.addrs {
		if c.hw == hw {
			return true
		}
	}
	return false
}
