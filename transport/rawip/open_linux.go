// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/netns"
	"protean/transport/internal/sockio"
	"protean/transport/route"
)

// Open opens a transport. Protocols are bound later. Errors:
// *[transport.PermissionError] without CAP_NET_RAW,
// *[transport.UnsupportedError] for a combination in cfg that cannot be and on
// other systems than Linux, and *[net.OpError] around a [*net.AddrError] for
// an address of the wrong family or around an [*os.SyscallError] for what else
// the kernel refuses, such as ENODEV for an unknown interface, EADDRNOTAVAIL
// for an address of another host, or EAFNOSUPPORT for a missing family.
func Open(cfg *Config) (*Transport, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return start(c, func(t *Transport) error {
		if err := t.findInterface(); err != nil {
			return err
		}
		return t.openFamilies()
	})
}

// findInterface looks the configured interface up, if there is one.
func (t *Transport) findInterface() (err error) {
	if t.cfg.Interface != "" {
		t.ifindex, err = t.ifs.Index(t.cfg.Interface)
	}
	return opWrap("open", err)
}

// start makes a transport of the sockets that sockets opens or adopts.
func start(c Config, sockets func(t *Transport) error) (*Transport, error) {
	ns, err := netns.At(c.NetNS)
	if err != nil {
		return nil, &net.OpError{Op: "open", Net: name, Err: err}
	}
	t := &Transport{
		cfg:    c,
		ns:     ns,
		calls:  sockio.NewGate(),
		bound:  make(map[uint8]*binding),
		groups: make(sockio.Groups),
	}
	if err = opWrap("open", t.ifs.Open(ns)); err == nil {
		err = sockets(t)
	}
	if err == nil {
		t.setCaps()
		err = t.open()
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Transport) open() error {
	var err error
	if t.router, err = route.Open(&route.Config{NetNS: t.ns.Path(), Mark: t.cfg.Mark}); err != nil {
		return &net.OpError{Op: "open", Net: name, Err: err}
	}
	t.rcvBuf = bufferSize(t.cfg.RcvBuf, t.cfg.Rate, t.largestMTU())
	return t.q.open(t)
}

// openFamilies finds out which families there are by opening the sockets that
// send. Where they are opened later, those opened here are closed again: what
// is wrong with the configuration shows now, and not at the first packet.
func (t *Transport) openFamilies() error {
	c := &t.caps
	both := !t.cfg.V4 && !t.cfg.V6
	for _, v6 := range []bool{false, true} {
		if wanted := t.cfg.V4 && !v6 || t.cfg.V6 && v6; !wanted && !both {
			continue
		}
		err := t.openIncluded(v6)
		switch {
		case err == nil && v6:
			c.V6 = true
		case err == nil:
			c.V4 = true
		case both && v6 && errors.Is(err, unix.EAFNOSUPPORT) && !t.cfg.Local6.IsValid():
		default:
			return err
		}
	}
	return nil
}

// setCaps says what the transport does; of families it is known already.
func (t *Transport) setCaps() {
	c := &t.caps
	c.Name = name
	c.Batch = t.cfg.Batch
	c.MaxPacket = maxPacket(c.V6)
	c.Reassembles = true
	c.SendOnly = t.cfg.SendOnly
	c.QuotesErrors = !t.cfg.SendOnly && !t.cfg.NoGuard
	if !t.cfg.SendOnly {
		c.TxTime = transport.TimeKernel
	}
	if t.cfg.Header == Kernel {
		c.BuildsHeader, c.Fragments = true, true
	}
	if c.V4 {
		c.Known4 = transport.FieldsAll4
	}
	if c.V6 {
		c.Known6 = transport.FieldsAll6
	}
}

// maxPacket is the longest packet that can be sent: an IPv6 payload length
// does not count the header.
func maxPacket(v6 bool) int {
	if v6 {
		return 40 + 65535
	}
	return 65535
}

// largestMTU returns the largest MTU that packets may come in with, and 1500
// if that is smaller. The loopback interface counts only if it is the one
// configured: nothing would be gained by preparing for thousands of packets
// of 64 KiB.
func (t *Transport) largestMTU() int {
	mtu := 1500
	all, _ := t.interfaces() // if they are not told, the guess stands
	for _, f := range all {
		if f.Up && (!f.Loopback || t.ifindex != 0) {
			mtu = max(mtu, f.MTU)
		}
	}
	return mtu
}
