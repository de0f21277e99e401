// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"golang.org/x/sys/unix"

	"protean/transport"
	"protean/transport/internal/sockio"
)

// Interfaces implements [transport.Transport]. With Config.Interface it is
// the only one listed.
func (t *Transport) Interfaces() []transport.Interface {
	if !t.calls.Enter() {
		return nil
	}
	defer t.calls.Leave()
	all, _ := t.interfaces()
	return all
}

func (t *Transport) interfaces() ([]transport.Interface, error) {
	return t.ifs.List(t.ifindex)
}

// links turns changes of interfaces into events. All but open and close belong
// to the receiving goroutine.
type links struct {
	monitor sockio.LinkMonitor
	ifindex int // the configured interface, or 0
	changed bool
	err     error // the configured interface is gone for good
	event   transport.Event
	gone    func(ifindex int)
}

func (l *links) open(t *Transport) error {
	if t.cfg.SendOnly {
		return nil // nobody would be told
	}
	l.ifindex, l.gone = t.ifindex, t.forgetGroups
	if err := opWrap("open", l.monitor.Open(t.ns, &t.ifs, t.ifindex)); err != nil {
		return err
	}
	return opWrap("open", t.q.Watch(l.monitor.FD(), linkID))
}

// tell hands on what has changed.
func (l *links) tell(s transport.Sink) {
	l.changed = false
	l.monitor.Changes(func(f *transport.Interface) {
		if f.Removed {
			if l.gone(f.Index); f.Index == l.ifindex {
				l.err = opError("read", "netlink", unix.ENODEV)
			}
		}
		l.event = transport.Event{Kind: transport.LinkChanged, Interface: f}
		s.Event(&l.event)
	})
}
