// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"protean/transport"
)

// Families is a set of IP versions.
type Families uint8

const (
	V4 Families = 1 << iota
	V6
)

// String returns "IPv4", "IPv6", "IPv4 and IPv6", or "none".
func (f Families) String() string {
	switch f {
	case 0:
		return "none"
	case V4:
		return "IPv4"
	case V6:
		return "IPv6"
	case V4 | V6:
		return "IPv4 and IPv6"
	}
	return fmt.Sprintf("Families(%#x)", uint8(f))
}

// Config says where a guard acts. A nil *Config is the zero one.
type Config struct {
	// Families to guard. Zero means each that this host has and the protocol
	// number can be used with, at least one; [Guard.Unguarded] tells of the
	// other. What is named here must succeed.
	Families Families

	// NetNS is the path of a network namespace, such as /run/netns/x; empty
	// means that of the calling thread.
	NetNS string

	// Fragments also hides the protocol's fragments to this host's addresses from
	// its kernel, by rules of nf_tables: it collects none, and does not answer
	// "time exceeded" for those that never become a datagram. Raw sockets get no
	// datagram that came in fragments then; packet sockets are served before. It
	// takes CAP_NET_ADMIN, and Linux 5.12 with nf_tables and its fib expression.
	Fragments bool
}

// A Guard silences the kernel for one protocol until it is closed. It is safe
// for concurrent use.
type Guard struct {
	protocol  int
	families  Families
	unguarded error

	mu      sync.Mutex // guards what follows
	sockets []int      // in the order of families
	rules   io.Closer  // nil unless Config.Fragments is set
}

// Protocol returns the IP protocol number.
func (g *Guard) Protocol() int { return g.protocol }

// Families returns what is guarded; at least one.
func (g *Guard) Families() Families { return g.families }

// Unguarded returns nil, or a [*FamilyError] with the family that is not guarded
// and why. It is never set when Config.Families was.
func (g *Guard) Unguarded() error { return g.unguarded }

// A FamilyError says why a family cannot be guarded on this host or with this
// protocol number. errors.Is(err, errors.ErrUnsupported) holds.
type FamilyError struct {
	Families Families // exactly one
	Err      error    // *transport.ProtocolError, or what the kernel said
}

func (e *FamilyError) Error() string { return "guard: " + e.Families.String() + ": " + e.Err.Error() }

// Is reports whether target is errors.ErrUnsupported.
func (e *FamilyError) Is(target error) bool { return target == errors.ErrUnsupported }

func (e *FamilyError) Unwrap() error { return e.Err }

// Open starts guarding an IP protocol number, 1 to 255. When it returns, the
// kernel no longer answers.
//
// Errors: [*transport.ProtocolError] for a number that cannot be guarded,
// [*transport.PermissionError] without CAP_NET_RAW, or without CAP_NET_ADMIN if
// Config.Fragments is set, [*FamilyError] for a family this host does not have,
// [*transport.UnsupportedError] on systems other than Linux, and otherwise
// *net.OpError around *os.SyscallError, or the reason why the network namespace
// could not be entered.
func Open(protocol int, cfg *Config) (*Guard, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	if cfg.Families&^(V4|V6) != 0 {
		return nil, fmt.Errorf("guard: unknown families: %v", cfg.Families)
	}
	if err := transport.CheckProtocol(protocol, false); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	return open(protocol, *cfg, openSocket)
}

// open opens what cfg asks for, in cfg's namespace.
func open(protocol int, cfg Config, socket func(protocol int, family Families) (int, error)) (*Guard, error) {
	g := &Guard{protocol: protocol}
	err := inNamespace(cfg.NetNS, func() error {
		for _, family := range []Families{V4, V6} {
			if cfg.Families != 0 && cfg.Families&family == 0 {
				continue
			}
			fd, err := openFamily(protocol, family, socket)
			if absent := (*FamilyError)(nil); cfg.Families == 0 && errors.As(err, &absent) {
				if g.unguarded != nil {
					return errors.Join(g.unguarded, err)
				}
				g.unguarded = err
				continue
			}
			if err != nil {
				return err
			}
			g.families |= family
			g.sockets = append(g.sockets, fd)
		}
		if cfg.Fragments {
			rules, err := hideFragments(protocol, g.families)
			if err != nil {
				return err
			}
			g.rules = rules
		}
		return nil
	})
	if err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

func openFamily(protocol int, family Families, socket func(int, Families) (int, error)) (int, error) {
	if err := transport.CheckProtocol(protocol, family == V6); err != nil {
		return -1, &FamilyError{Families: family, Err: err}
	}
	return socket(protocol, family)
}

// FD returns the socket of a family, V4 or V6, or -1 if there is none. It stays
// the guard's; a duplicate of it keeps guarding. On its error queue are the
// ICMP errors about packets of the protocol that this host has sent, from their
// IP headers on (IP_RECVERR and IPV6_RECVERR, with IP_HDRINCL and IPV6_HDRINCL).
// Nobody has to read them: what finds no room is dropped. Who wants to know when
// they came sets SO_TIMESTAMPNS, which has the kernel read the clock for each
// packet that arrives, on any interface.
func (g *Guard) FD(family Families) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case len(g.sockets) == 0 || g.families&family == 0:
		return -1
	case family == V6:
		return g.sockets[len(g.sockets)-1]
	}
	return g.sockets[0]
}

// Close stops guarding: the kernel answers again unless somebody else has a raw
// socket for the protocol. Only the first call has an effect.
func (g *Guard) Close() error {
	g.mu.Lock()
	sockets, rules := g.sockets, g.rules
	g.sockets, g.rules = nil, nil
	g.mu.Unlock()
	var errs []error
	if rules != nil {
		errs = append(errs, rules.Close())
	}
	for _, fd := range sockets {
		errs = append(errs, closeSocket(fd))
	}
	return errors.Join(errs...)
}

// Files returns duplicates of the guard's sockets, in the order of families, to
// be passed to another process or kept when this one has closed the guard: the
// kernel does not answer as long as anybody holds one. The caller closes them.
// What Config.Fragments does ends with the guard all the same.
// The error is net.ErrClosed, or *net.OpError around *os.SyscallError.
func (g *Guard) Files() ([]*os.File, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.sockets) == 0 {
		return nil, net.ErrClosed
	}
	return filesOf(g.sockets, g.protocol)
}

// FromFiles makes a guard of the sockets of another one, passed as [Guard.Files]
// returned them, without any privilege. Their number, protocol and families are
// found out from the sockets. The guard has duplicates: files stay the caller's.
//
// Errors: *[net.OpError] around an [*os.SyscallError], EINVAL for what is not a
// guard's socket, or for sockets that are not of one guard, and
// [*transport.UnsupportedError] on systems other than Linux.
func FromFiles(files ...*os.File) (*Guard, error) { return fromFiles(files) }
