// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"os"

	"golang.org/x/sys/unix"

	"protean/transport/guard"
)

// FromFiles makes a transport of sockets that were passed in, as
// [Transport.Files] of a privileged process returned them, all together. It needs
// no privileges, nor does Bind of a protocol that was bound there. Packets that
// came since then are delivered. Bind of another protocol needs CAP_NET_RAW, and
// so does a protocol once Unbind has given its sockets up.
//
// V4, V6, Header, NoGuard, Local4, Local6, Interface and Mark of cfg are replaced
// with what the sockets are; other fields that concern sockets hold for those opened
// later. The calling thread, or Config.NetNS, must be in the network namespace of
// the sockets. The transport has duplicates: files stay the caller's. Only one
// process should use the sockets at a time.
//
// Errors: *[net.OpError] around an [*os.SyscallError], EINVAL for what is not a
// raw socket or is there twice; *[transport.UnsupportedError] for sockets that
// do not make a transport, and on other systems than Linux.
func FromFiles(cfg *Config, files ...*os.File) (*Transport, error) {
	c, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return start(c, func(t *Transport) error { return t.adopt(files) })
}

// passed are sockets that were passed in and are not in use yet.
type passed struct {
	sockets map[int]int // receiving ones, by sockID
	guards  map[uint8]*guard.Guard
	kernel  int // number of sockets that send with headers built by the kernel
	raw     int // and of those that send with headers included
}

// socket takes a receiving socket out.
func (p *passed) socket(v6 bool, protocol uint8) (fd int, ok bool) {
	id := sockID(v6, protocol)
	fd, ok = p.sockets[id]
	delete(p.sockets, id)
	return fd, ok
}

// guard takes a guard out; nil if there is none.
func (p *passed) guard(protocol uint8) *guard.Guard {
	g := p.guards[protocol]
	delete(p.guards, protocol)
	return g
}

func (p *passed) close() {
	for _, fd := range p.sockets {
		unix.Close(fd)
	}
	for _, g := range p.guards {
		g.Close()
	}
}
