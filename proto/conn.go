// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"protean/transport"
)

// ConnConfig holds the options of a Conn. The zero value of each field is its
// default.
type ConnConfig struct {
	// Local is the source address of what is sent, and, if it is given, the
	// only destination address from which packets are taken.
	Local netip.Addr

	// Header holds defaults for what is sent: TTL, TOS, Frag, IfIndex and so
	// on. Src, Dst and Protocol are ignored.
	Header Header

	// ReadBuffer is the number of bytes of payload that wait for Read; 0: 4
	// MiB. Packets that find it full are dropped and counted as
	// transport.QueueFull.
	ReadBuffer int
}

const defaultReadBuffer = 4 << 20

// A Conn sends and receives the payloads of one protocol's packets with
// blocking calls: a net.PacketConn if made by Listen, and also a net.Conn if
// made by Dial. Message boundaries are kept; a Read into too small a buffer
// loses the rest of the packet, as for a UDP socket.
//
// Reads and writes may be concurrent. On a host driven by Poll, calls that
// would block return ErrStepped.
type Conn struct {
	h      *Host
	b      *Binding
	cfg    ConnConfig
	remote netip.Addr // zero if made by Listen; without a zone
	local  netip.Addr

	// ifindex is the interface that a link-local remote address is on, 0 for
	// others.
	ifindex int32

	rq   readQueue
	rdl  deadline
	wdl  deadline
	done chan struct{} // closed by Close
	once sync.Once

	wmu  sendLock // guards out and part; not held while waiting for room
	out  outbox
	part *partial

	netErr   atomic.Pointer[NetworkError] // to be returned by the next Read or Write
	lastAddr atomic.Pointer[connAddr]     // saves allocating the same net.Addr again
}

var (
	_ net.PacketConn = (*Conn)(nil)
	_ net.Conn       = (*Conn)(nil)
)

// connAddr is an address in both forms.
type connAddr struct {
	ip      netip.Addr
	ifindex int32 // 0 unless the address means something on one interface only
	net     *net.IPAddr
}

// Listen returns a net.PacketConn for all packets of a protocol that no Conn
// made by Dial takes. Errors of the network are not shown by it, since they are
// about single packets; they are counted. c may be nil. Errors are those of
// HandleWith.
func (h *Host) Listen(protocol uint8, c *ConnConfig) (*Conn, error) {
	return h.newConn(protocol, netip.Addr{}, c)
}

// Dial returns a net.Conn for the packets of a protocol from and to one
// address. Errors of the network about its packets are returned by the next
// Read or Write. c may be nil. Errors are those of HandleWith, and that no
// source address is known for dst.
func (h *Host) Dial(protocol uint8, dst netip.Addr, c *ConnConfig) (*Conn, error) {
	if !dst.IsValid() || dst.IsUnspecified() {
		return nil, h.opError("dial", nil, &HeaderError{"Dst", "is not valid"})
	}
	return h.newConn(protocol, dst.Unmap(), c)
}

func (h *Host) newConn(protocol uint8, remote netip.Addr, cfg *ConnConfig) (*Conn, error) {
	if !h.stepped() && onLoop() {
		return nil, ErrOnLoop
	}
	c := &Conn{h: h, remote: remote, done: make(chan struct{})}
	if cfg != nil {
		c.cfg = *cfg
	}
	if c.cfg.ReadBuffer == 0 {
		c.cfg.ReadBuffer = defaultReadBuffer
	}
	if c.cfg.ReadBuffer < 0 {
		return nil, errors.New("proto: ConnConfig.ReadBuffer is negative")
	}
	hd := &c.cfg.Header
	hd.Src, hd.Dst, hd.Protocol = c.cfg.Local.Unmap(), remote, protocol
	c.local = hd.Src
	if remote.IsValid() {
		if err := hd.check(); err != nil {
			return nil, h.opError("dial", remote, err)
		}
		src, err := h.route(hd, h.nowNs())
		if err != nil {
			return nil, h.opError("dial", remote, err)
		}
		c.local, c.remote = src, hd.Dst
		if needsInterface(c.remote) {
			c.ifindex = int32(hd.IfIndex)
		}
	}
	c.rq.init(c.cfg.ReadBuffer)
	c.wmu.init(h)
	c.rq.wake = h.newTimer(c.rq.token)
	c.rdl.initOn(h)
	c.wdl.initOn(h)
	c.out.init(h, &h.queues[0].tx)
	c.out.resumes = true
	var hdl Handler = (*connHandler)(c)
	if remote.IsValid() {
		hdl = &dialHandler{(*connHandler)(c)}
	}
	if err := h.handleConn(protocol, hdl, c); err != nil {
		return nil, err
	}
	return c, nil
}

// Close ends the Conn; what was written has been handed to the transport. It
// is idempotent.
func (c *Conn) Close() error {
	if onLoop() {
		return ErrOnLoop
	}
	c.once.Do(func() { close(c.done) })
	c.b.close(true)
	c.rdl.set(time.Time{}, c.h.clock) // no timer is left behind
	c.wdl.set(time.Time{}, c.h.clock)
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.out.drain(transport.Closed)
	c.part = nil
	return nil
}

func (c *Conn) closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// LocalAddr returns the source address, a *net.IPAddr; unspecified if it is
// chosen per packet.
func (c *Conn) LocalAddr() net.Addr { return ipAddr(c.local) }

// RemoteAddr returns the address given to Dial, a *net.IPAddr; nil for a Conn
// made by Listen.
func (c *Conn) RemoteAddr() net.Addr {
	if !c.remote.IsValid() {
		return nil
	}
	return c.addrOf(c.remote, c.ifindex)
}

// Stats returns the counters of the Conn's binding.
func (c *Conn) Stats() BindingStats { return c.b.Stats() }

// SetDeadline is SetReadDeadline and SetWriteDeadline in one.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline bounds Read calls, also those in progress; the zero Time
// takes the bound away. They return os.ErrDeadlineExceeded.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.closed() {
		return c.opError("set", net.ErrClosed)
	}
	c.rdl.set(t, c.h.clock)
	return nil
}

// SetWriteDeadline bounds Write calls, also those in progress.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.closed() {
		return c.opError("set", net.ErrClosed)
	}
	c.wdl.set(t, c.h.clock)
	return nil
}

// addrOf returns a, which came through an interface, as a net.Addr, the same
// one for the same address in a row.
func (c *Conn) addrOf(a netip.Addr, ifindex int32) net.Addr {
	if !a.IsLinkLocalUnicast() || a.Is4() {
		ifindex = 0
	}
	last := c.lastAddr.Load()
	if last == nil || last.ip != a || last.ifindex != ifindex {
		last = &connAddr{a, ifindex, ipAddr(a)}
		if l := c.h.links.Load().byIndex(int(ifindex)); l != nil {
			last.net.Zone = l.Name
		}
		c.lastAddr.Store(last)
	}
	return last.net
}

func ipAddr(a netip.Addr) *net.IPAddr {
	return &net.IPAddr{IP: a.AsSlice(), Zone: a.Zone()}
}

func (c *Conn) opError(op string, err error) error {
	e := &net.OpError{Op: op, Net: c.h.caps.Name, Source: c.LocalAddr(), Err: err}
	if c.remote.IsValid() {
		e.Addr = c.RemoteAddr()
	}
	return e
}

func (h *Host) opError(op string, addr any, err error) error {
	e := &net.OpError{Op: op, Net: h.caps.Name, Err: err}
	if a, ok := addr.(netip.Addr); ok {
		e.Addr = ipAddr(a)
	}
	return e
}
