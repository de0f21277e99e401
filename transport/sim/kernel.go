// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"fmt"
	"math"
	"time"
)

// Messages are kinds of ICMP messages that a kernel sends.
type Messages uint16

// The kinds, for both families.
const (
	EchoReplies         Messages = 1 << iota // to echo requests to its addresses
	TimeExceeded                             // TTL or hop limit exceeded in transit
	FragNeeded                               // IPv4 fragmentation needed and DF set, IPv6 packet too big
	NoRoutes                                 // network or host unreachable, no route, prohibited
	HostUnreachable                          // nobody on the link has the address
	PortUnreachable                          // UDP to its addresses
	ProtocolUnreachable                      // also IPv6 unknown next header
	ParameterProblem                         // options that cannot be read, or are unknown and matter

	AllMessages = 1<<iota - 1
)

// A KernelConfig says what a node does of its own accord, as the kernel of a
// Linux host or router would; the defaults are those of Linux 6.18. A nil
// *KernelConfig means all defaults.
type KernelConfig struct {
	// Forward makes a router of the node: packets that are not for it are
	// passed on (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding).
	Forward bool

	// Silent are messages that are not sent. A router with AllMessages is a
	// black hole to who looks for it.
	Silent Messages

	// TTL is that of packets the kernel makes; zero means 64.
	TTL uint8

	// Interval is the least time between two ICMP errors to one IPv4 address
	// once six have been sent (net.ipv4.icmp_ratelimit); zero means one second,
	// a negative value no limit. Fragmentation needed is not limited
	// (net.ipv4.icmp_ratemask), what has no route counts twice, and at most two
	// such errors are sent at once.
	Interval time.Duration

	// Interval6 is the same for IPv6 (net.ipv6.icmp.ratelimit); zero means
	// 100 ms, a negative value no limit. Packet too big is not limited
	// (net.ipv6.icmp.ratemask).
	Interval6 time.Duration

	// PerSecond and Burst limit the ICMP errors to all destinations together
	// (net.ipv4.icmp_msgs_per_sec, icmp_msgs_burst). Zero means 1000 and 50, a
	// negative PerSecond no limit. Neither is more than 2^31-1, which is the most
	// that Linux takes.
	PerSecond, Burst int

	// AskFor is how long a neighbour is asked for before its packets are given
	// up: three requests, one second apart, by default; a negative value means
	// that they are given up at once.
	AskFor time.Duration
}

const (
	defaultTTL       = 64
	defaultInterval  = time.Second
	defaultInterval6 = 100 * time.Millisecond
	defaultPerSecond = 1000
	defaultBurst     = 50
	defaultAskFor    = 3 * time.Second
)

// A kernel is what a node does of its own accord.
type kernel struct {
	cfg    KernelConfig
	limits limits
	asking []*asking // neighbours that did not answer yet
}

// Router adds a node that forwards packets. cfg may be nil; its Forward counts
// as set. Errors: as for [Network.Node] and [Node.SetKernel].
func (n *Network) Router(nodeName string, cfg *KernelConfig) (*Node, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k, err := newKernel(nodeName, cfg)
	if err != nil {
		return nil, err
	}
	k.cfg.Forward = true
	nd, err := n.add("node", nodeName)
	if err != nil {
		return nil, err
	}
	nd.kernel = k
	n.order = append(n.order, nd)
	return nd, nil
}

// SetKernel has the node do what a kernel does: answer pings, send ICMP errors,
// and forward packets if cfg says so. nil means all defaults. It can be called
// at any time; rate limits start anew. Errors: *[ConfigError], net.ErrClosed.
func (nd *Node) SetKernel(cfg *KernelConfig) error {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	if err := nd.usable(); err != nil {
		return err
	}
	k, err := newKernel(nd.name, cfg)
	if err != nil {
		return err
	}
	nd.dropKernel()
	nd.kernel = k
	return nil
}

// RemoveKernel has the node do nothing of its own accord, as it does at first.
func (nd *Node) RemoveKernel() {
	nd.net.mu.Lock()
	defer nd.net.mu.Unlock()
	nd.dropKernel()
}

// HasKernel reports whether the node has a kernel now, so that its programs need
// not answer for it.
func (t *Transport) HasKernel() bool {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	return t.node.kernel != nil
}

func (nd *Node) dropKernel() {
	if nd.kernel != nil {
		nd.kernel.reset()
		nd.kernel = nil
	}
}

func newKernel(nodeName string, cfg *KernelConfig) (*kernel, error) {
	k := new(kernel)
	if cfg != nil {
		k.cfg = *cfg
	}
	c := &k.cfg
	bad := func(field, reason string) (*kernel, error) {
		return nil, &ConfigError{"kernel of node " + nodeName, field, reason}
	}
	switch {
	case c.Silent&^AllMessages != 0:
		return bad("Silent", fmt.Sprintf("has kinds that are not known: %#x", c.Silent&^AllMessages))
	case c.Burst < 0:
		return bad("Burst", "is negative")
	case c.Burst > math.MaxInt32:
		return bad("Burst", fmt.Sprintf("of %d is more than %d", c.Burst, math.MaxInt32))
	case c.PerSecond > math.MaxInt32:
		return bad("PerSecond", fmt.Sprintf("of %d is more than %d; a negative one is no limit", c.PerSecond, math.MaxInt32))
	case max(c.Interval, c.Interval6, c.AskFor) > maxDelay:
		return bad("Interval, Interval6 or AskFor", "is more than a year")
	}
	if c.TTL == 0 {
		c.TTL = defaultTTL
	}
	if c.Interval == 0 {
		c.Interval = defaultInterval
	}
	if c.Interval6 == 0 {
		c.Interval6 = defaultInterval6
	}
	if c.PerSecond == 0 {
		c.PerSecond = defaultPerSecond
	}
	if c.Burst == 0 {
		c.Burst = defaultBurst
	}
	if c.AskFor == 0 {
		c.AskFor = defaultAskFor
	}
	return k, nil
}

// reset forgets everything but the configuration.
func (k *kernel) reset() {
	for len(k.asking) > 0 {
		k.asking[0].giveUp(k)
	}
	k.limits = limits{}
}

// forwards reports whether the node passes on what is not for it.
func (nd *Node) forwards() bool { return nd.kernel != nil && nd.kernel.cfg.Forward }

// silent reports, and counts, whether a message is not to be sent.
func (nd *Node) silent(m Messages) bool {
	if nd.kernel.cfg.Silent&m == 0 {
		return false
	}
	nd.stats.Silent++
	return true
}
