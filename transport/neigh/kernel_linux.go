// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package neigh

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/transport/internal/netns"
	"protean/transport/internal/rtnl"
)

// Open returns a Kernel. No privileges are needed but to enter another namespace, and
// what it opens serves all of Lookup: afterwards they may be dropped.
func Open(c *Config) (*Kernel, error) {
	k := newKernel(c)
	ns, err := netns.At(k.cfg.NetNS)
	if err != nil {
		return nil, err
	}
	t := &table{k: k}
	t.prober.open(ns)
	t.session = rtnl.Session{Path: ns.Path(), Groups: []uint32{unix.RTNLGRP_NEIGH, unix.RTNLGRP_LINK}, Tell: t.announced}
	k.source = t // before announcements come
	if err := t.session.Open(); err != nil {
		t.close()
		return nil, err
	}
	return k, nil
}

// A table is the kernel's. All but close and what the session calls is called
// with the lock of k held.
type table struct {
	k       *Kernel
	session rtnl.Session
	prober  prober

	mu    sync.Mutex // guards links
	links map[int]link
}

func (t *table) close() {
	t.session.Close()
	t.prober.close()
}

// announced takes a notification.
func (t *table) announced(b []byte) {
	if b == nil { // some were lost
		t.forgetLinks()
		t.k.again(0)
		return
	}
	rtnl.Messages(b, func(kind uint16, body []byte) {
		switch kind {
		case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
			if u, ok := parse(body); ok {
				if kind == unix.RTM_DELNEIGH {
					u.state = absent
				}
				t.k.apply(u)
			}
		case unix.RTM_NEWLINK, unix.RTM_DELLINK:
			t.forgetLinks()
			if len(body) >= unix.SizeofIfInfomsg {
				t.k.again(int(int32(rtnl.Uint32(body[4:]))))
			}
		}
	})
}

func (t *table) forgetLinks() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.links = nil
}

// header returns struct ndmsg.
func header(hop netip.Addr, ifindex int, flags uint8) []byte {
	b := make([]byte, unix.SizeofNdMsg)
	b[0] = rtnl.Family(hop)
	binary.NativeEndian.PutUint32(b[4:], uint32(ifindex))
	b[10] = flags // and NUD_NONE
	return b
}

func (t *table) get(hop netip.Addr, ifindex int) (u update, ok bool, err error) {
	answer, err := rtnl.Execute(t.session.Conn, unix.RTM_GETNEIGH, 0, header(hop, ifindex, 0), func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.NDA_DST, hop.AsSlice())
	})
	if err != nil || len(answer) == 0 {
		if errors.Is(err, unix.ENOENT) {
			err = nil
		}
		return u, false, err
	}
	u, ok = parse(answer[0].Data)
	return u, ok, nil
}

func (t *table) use(hop netip.Addr, ifindex int) error {
	_, err := rtnl.Execute(t.session.Conn, unix.RTM_NEWNEIGH, unix.NLM_F_ACK|unix.NLM_F_CREATE, header(hop, ifindex, unix.NTF_USE), func(ae *netlink.AttributeEncoder) {
		ae.Bytes(unix.NDA_DST, hop.AsSlice())
	})
	if errors.Is(err, unix.EPERM) {
		return t.prober.probe(hop, ifindex)
	}
	return err
}

// parse reads struct ndmsg and its attributes.
func parse(b []byte) (u update, ok bool) {
	if len(b) < unix.SizeofNdMsg || b[0] != unix.AF_INET && b[0] != unix.AF_INET6 || b[10]&unix.NTF_PROXY != 0 {
		return u, false
	}
	u.ifindex = int(int32(rtnl.Uint32(b[4:])))
	ad, err := rtnl.Attributes(b, unix.SizeofNdMsg)
	if err != nil {
		return u, false
	}
	known := true
	for ad.Next() {
		switch ad.Type() {
		case unix.NDA_DST:
			u.hop = rtnl.Addr(ad.Bytes())
		case unix.NDA_LLADDR:
			u.addr, known = LinkAddrFrom(ad.Bytes())
		}
	}
	switch s := binary.NativeEndian.Uint16(b[8:]); {
	case s == unix.NUD_INCOMPLETE:
		u.state = incomplete
	case s == unix.NUD_STALE:
		u.state = stale
	case s&(unix.NUD_REACHABLE|unix.NUD_DELAY|unix.NUD_PROBE|unix.NUD_PERMANENT|unix.NUD_NOARP) != 0:
		u.state = valid
	case s == unix.NUD_FAILED:
		u.state = failed
	}
	return u, ad.Err() == nil && known && u.hop.IsValid()
}

func (t *table) link(ifindex int) (link, error) {
	t.mu.Lock()
	l, ok := t.links[ifindex]
	t.mu.Unlock()
	if ok {
		return l, nil
	}
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(ifindex))
	answer, err := rtnl.Execute(t.session.Conn, unix.RTM_GETLINK, 0, b, nil)
	if err != nil {
		return l, err
	}
	if len(answer) == 0 || len(answer[0].Data) < unix.SizeofIfInfomsg {
		return l, os.NewSyscallError("rtnetlink", unix.ENODEV)
	}
	l, up, err := parseLink(answer[0].Data)
	if err == nil && !up {
		err = os.NewSyscallError("rtnetlink", unix.ENETDOWN)
	}
	if err != nil {
		return link{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links == nil {
		t.links = make(map[int]link)
	}
	t.links[ifindex] = l
	return l, nil
}

// parseLink reads struct ifinfomsg and its attributes.
func parseLink(b []byte) (l link, up bool, err error) {
	kind, flags := binary.NativeEndian.Uint16(b[2:]), rtnl.Uint32(b[8:])
	ad, err := rtnl.Attributes(b, unix.SizeofIfInfomsg)
	if err != nil {
		return l, false, err
	}
	fits := true
	for ad.Next() {
		switch ad.Type() {
		case unix.IFLA_ADDRESS:
			l.own, fits = LinkAddrFrom(ad.Bytes())
		case unix.IFLA_BROADCAST:
			l.broadcast, _ = LinkAddrFrom(ad.Bytes())
		}
	}
	if !fits {
		return l, false, &net.AddrError{Err: "its link-layer addresses are longer than 8 bytes", Addr: "interface"}
	}
	l.ethernet = kind == unix.ARPHRD_ETHER
	l.addrs = l.own.Len() > 0
	l.arp = flags&(unix.IFF_NOARP|unix.IFF_LOOPBACK) == 0
	l.p2p = flags&unix.IFF_POINTOPOINT != 0
	return l, flags&unix.IFF_UP != 0, ad.Err()
}
