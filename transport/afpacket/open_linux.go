// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"slices"
	"sync"

	"protean/transport"
	"protean/transport/internal/netns"
	"protean/transport/internal/sockio"
)

// Open opens a transport. Protocols are bound later. The interface may be down:
// packets flow when it comes up. Errors: *[transport.PermissionError] without
// CAP_NET_RAW, or CAP_NET_ADMIN for what takes that;
// *[transport.UnsupportedError] for a combination in cfg that cannot be, a link
// type that is not known, and on other systems than Linux; *[net.OpError] around
// a *[ConfigError], or around an [*os.SyscallError] for what else the kernel
// refuses, such as ENODEV for an unknown interface or ENOMEM for a ring that is
// too large.
func Open(cfg *Config) (*Transport, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	ns, err := netns.At(c.NetNS)
	if err != nil {
		return nil, opError("open", err)
	}
	t := &Transport{
		cfg:    c,
		ns:     ns,
		calls:  sockio.NewGate(),
		bound:  make(map[int]*binding),
		groups: make(sockio.Groups),
		member: members{packet: -1, ip4: -1, ip6: -1},
	}
	if err := t.open(); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Transport) open() error {
	if err := t.findLink(); err != nil {
		return err
	}
	t.caps = transport.Caps{
		Name:      name,
		Batch:     t.cfg.Batch,
		MaxPacket: maxPacket(t.cfg.V6),
		V4:        t.cfg.V4,
		V6:        t.cfg.V6,
		Foreign:   true,
	}
	if t.cfg.V4 {
		t.caps.Known4 = transport.FieldsAll4
	}
	if t.cfg.V6 {
		t.caps.Known6 = transport.FieldsAll6
	}
	if err := t.links.Open(t.ns, &t.ifs, 0); err != nil {
		return opError("open", err)
	}
	t.own = t.links.Interfaces()
	t.look()
	t.policy.Store(t.newPolicy())
	if err := t.hops.open(t); err != nil {
		return err
	}
	if err := t.openQueues(); err != nil {
		return err
	}
	return t.start()
}

// openQueues opens all queues at once, since making a ring waits for the kernel
// as closing one does.
func (t *Transport) openQueues() error {
	for i := range t.cfg.Queues {
		t.queues = append(t.queues, newQueue(t, i))
	}
	var wg sync.WaitGroup
	errs := make([]error, len(t.queues)*3)
	for i, q := range t.queues {
		for k := range q.sources {
			wg.Go(func() { errs[3*i+k] = q.sources[k].open(t) })
		}
		wg.Go(func() { errs[3*i+2] = q.tx.open(q) })
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	for _, q := range t.queues {
		if err := q.open(); err != nil {
			return err
		}
	}
	return nil
}

// start has the kernel deliver: every socket has its filter by now. A socket
// joins its fanout group when it is bound.
func (t *Transport) start() error {
	for k := range t.queues[0].sources {
		var f fanout
		for _, q := range t.queues {
			s := q.sources[k]
			if err := bindTo(s.fd, s.protocol, t.link.index); err != nil {
				return callError("open", "bind", err)
			}
			pendingError(s.fd) // ENETDOWN if the interface is down, which the status tells
			if t.cfg.Queues > 1 || t.cfg.Defrag {
				if err := f.join(t, s.fd); err != nil {
					return err
				}
			}
			if err := t.lock(s.fd); err != nil {
				return err
			}
		}
	}
	return nil
}

// protocols returns the protocols to open a socket for, in each queue.
func (t *Transport) protocols() []uint16 {
	switch {
	case t.cfg.All:
		return []uint16{protocolAll}
	case !t.cfg.V6:
		return []uint16{protocol4}
	case !t.cfg.V4:
		return []uint16{protocol6}
	}
	return []uint16{protocol4, protocol6}
}

// maxPacket is the longest packet that can be sent: an IPv6 payload length
// does not count the header.
func maxPacket(v6 bool) int {
	if v6 {
		return 40 + 65535
	}
	return 65535
}
