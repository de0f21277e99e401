// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// NAT translates addresses, one for one (RFC 3022, section 2.1): each source of
// packets in this direction gets an outside address of its own from Outside,
// for as long as packets of either direction use it. While there is none to
// spare, packets of further sources are dropped. Ports are left alone.
//
// The other direction needs a stage [Denat] in its place: it translates the
// destinations back, and drops packets to outside addresses that nobody has.
//
// Checksums that a translator knows to cover addresses are brought up to date:
// those of IPv4 headers, TCP, UDP, UDP-Lite, DCCP and ICMPv6; and, where ports
// change, the CRC of SCTP. The packet quoted by an ICMP error is translated as
// well. Any other protocol whose checksum covers the addresses arrives broken,
// as it does behind a real one. Packets of another family than Outside, and to
// multicast groups, pass as they are.
type NAT struct {
	Outside []netip.Addr
	Timeout time.Duration // of an address not used; zero means [DefaultNATTimeout]
}

// DefaultNATTimeout is nf_conntrack_generic_timeout of Linux.
const DefaultNATTimeout = 10 * time.Minute

// Masquerade hides all sources behind one outside address, as the target
// masquerade of Linux does. TCP, UDP, UDP-Lite, SCTP, DCCP and ICMP echo have
// ports or identifiers, of which each flow gets one of its own: the one it has,
// if that is free, else the next free one, where Linux takes any. Of all other
// protocols only one source at a time can talk to a destination: the packets of
// a second one are dropped until the first has been silent for Timeout.
//
// Apart from that it is like [NAT]. Later fragments have no ports; like the
// kernel, which reassembles first, it needs to see none: they are dropped if
// their protocol has ports. ICMP messages that are neither errors nor echoes
// are dropped.
type Masquerade struct {
	Outside netip.Addr

	// Timeout is how long a flow is remembered without packets. Zero means the
	// defaults of Linux: 10 minutes, UDP and ICMP 30 s, TCP 5 days.
	Timeout time.Duration
}

// Denat undoes what the translator in the other direction does: the first Denat
// of a pipeline belongs to the first [NAT] or [Masquerade], and so on.
type Denat struct{}

// String implements [Stage].
func (n NAT) String() string {
	words := make([]string, len(n.Outside))
	for i, a := range n.Outside {
		words[i] = a.String()
	}
	return "nat " + strings.Join(words, ",") + timeoutText(n.Timeout)
}

func timeoutText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf(" timeout %v", d)
}

func (n NAT) check() string {
	if len(n.Outside) == 0 {
		return "has no outside address"
	}
	for i, a := range n.Outside {
		if s := checkOutside(a); s != "" {
			return s
		}
		if a.Is4() != n.Outside[0].Is4() {
			return "has outside addresses of both families"
		}
		if slices.Contains(n.Outside[:i], a) {
			return fmt.Sprintf("has the outside address %v twice", a)
		}
	}
	return checkDelay("the timeout", n.Timeout)
}

func checkOutside(a netip.Addr) string {
	if !a.IsValid() || a.IsMulticast() || a.IsUnspecified() || a.Is4In6() || a.Zone() != "" {
		return fmt.Sprintf("%v is not an address to be outside", a)
	}
	return ""
}

func (n NAT) compile(c *compiler) runner {
	t := &translator{place: len(c.stages), v6: n.Outside[0].Is6(), pool: slices.Clone(n.Outside), timeout: n.Timeout}
	if t.timeout == 0 {
		t.timeout = DefaultNATTimeout
	}
	c.translators = append(c.translators, t)
	return t.init()
}

// String implements [Stage].
func (m Masquerade) String() string {
	return fmt.Sprintf("masquerade %v", m.Outside) + timeoutText(m.Timeout)
}

func (m Masquerade) check() string {
	return first(checkOutside(m.Outside), checkDelay("the timeout", m.Timeout))
}

func (m Masquerade) compile(c *compiler) runner {
	t := &translator{place: len(c.stages), v6: m.Outside.Is6(), pool: []netip.Addr{m.Outside}, timeout: m.Timeout, ports: true}
	c.translators = append(c.translators, t)
	return t.init()
}

// String implements [Stage].
func (Denat) String() string { return "denat" }

func (Denat) check() string            { return "" }
func (Denat) compile(*compiler) runner { return &translateBack{} }
