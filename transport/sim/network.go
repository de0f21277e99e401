// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"protean/proto/frag"
	"protean/transport"
	"protean/transport/internal/fifo"
)

const (
	name       = "sim"
	batch      = 64
	maxPacket  = 40 + 65535 // an IPv6 header and the largest payload
	maxPacket4 = 65535
	minMTU4    = 68
	minMTU6    = 1280
	loMTU      = 65536 // as the Linux loopback interface
	maxTime    = math.MaxInt64
	maxDelay   = 366 * 24 * time.Hour
)

// A Network is a set of nodes and of the links between them. Its methods are
// safe for concurrent use, but what happens in a stepped network is
// reproducible only if one goroutine at a time uses it.
type Network struct {
	cfg   Config
	err   error     // what is wrong with cfg
	base  time.Time // live: when it started, with monotonic clock reading
	start int64     // base in Unix nanoseconds

	// mu guards everything below and in nodes, ports, links and handles. It is
	// never held while a Stepper or a Sink runs.
	mu     sync.Mutex
	closed bool
	nodes  map[string]*Node
	links  map[string]*Link
	order  []*Node // in the order they were made, without switches

	topology   uint64 // changes whenever who is where on the links may have changed
	partitions []*Partition
	split      frag.Splitter
	splitting  bool // it is in use
	taps       []*tap
	bufs       buffers
	pool       []*source // unused sources of the kind sourceStamp

	now   int64        // stepped: the time; live: that of the event happening now
	shown atomic.Int64 // stepped: the same, for Now, which hosts call all the time
	seq   uint64
	heap  heap

	// Stepped.
	running  bool
	runnable fifo.Queue[*Transport]
	steps    int      // taken at now
	seen     []string // the last of them, if the limit is near
	last     *Transport

	// Live.
	armed int64         // when the goroutine wakes up
	kick  chan struct{} // has it look again
	done  chan struct{} // closed when it has ended

	// In a bubble.
	bubble bubble
	over   bool // events do not happen any more
}

// New returns an empty network. If cfg is not valid, the first call of
// [Network.Node] says so.
func New(cfg *Config) *Network {
	n := &Network{nodes: map[string]*Node{}, links: map[string]*Link{}}
	if cfg != nil {
		n.cfg = *cfg
	}
	if n.cfg.MaxSteps == 0 {
		n.cfg.MaxSteps = DefaultMaxSteps
	}
	if n.cfg.Live {
		n.base = time.Now()
		n.start = n.base.UnixNano()
		n.kick = make(chan struct{}, 1)
		n.done = make(chan struct{})
		if n.inBubble() {
			n.now = n.start
			n.bubble.idle = true
			go n.loop()
		} else {
			go n.live()
		}
		return n
	}
	if n.inBubble() {
		n.err = &ConfigError{"network", "Barrier", "is set, but not Live"}
		n.cfg.Barrier = nil
	}
	if n.cfg.Epoch.IsZero() {
		n.cfg.Epoch = DefaultEpoch()
	}
	if y := n.cfg.Epoch.UTC().Year(); y < 1970 || y > 2199 {
		n.err = &ConfigError{"network", "Epoch", fmt.Sprintf("is in the year %d, not in 1970 to 2199", y)}
		n.cfg.Epoch = DefaultEpoch()
	}
	n.now = n.cfg.Epoch.UnixNano()
	n.shown.Store(n.now)
	return n
}

// Node adds a node. Its name is at most 63 letters, digits and ".", "_", "-".
// It has a loopback interface, "lo", with index 1. Errors: *[ConfigError],
// net.ErrClosed.
func (n *Network) Node(nodeName string) (*Node, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	nd, err := n.add("node", nodeName)
	if err == nil {
		n.order = append(n.order, nd)
	}
	return nd, err
}

// add makes a node, or what stands for a switch.
func (n *Network) add(kind, nodeName string) (*Node, error) {
	if n.err != nil {
		return nil, n.err
	}
	if n.closed {
		return nil, net.ErrClosed
	}
	if err := checkName(fmt.Sprintf("%s %q", kind, nodeName), nodeName, 63); err != nil {
		return nil, err
	}
	if n.nodes[nodeName] != nil {
		return nil, &ConfigError{kind + " " + nodeName, "name", "is taken"}
	}
	nd := newNode(n, nodeName)
	nd.rank = len(n.order)
	n.nodes[nodeName] = nd
	return nd, nil
}

// Nodes returns the nodes in the order in which they were made, routers
// included, switches not.
func (n *Network) Nodes() []*Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.order)
}

// Find returns the node of this name, nil if there is none.
func (n *Network) Find(nodeName string) *Node {
	n.mu.Lock()
	defer n.mu.Unlock()
	if nd := n.nodes[nodeName]; nd != nil && nd.sw == nil {
		return nd
	}
	return nil
}

// FindLink returns the link of this name, nil if there is none.
func (n *Network) FindLink(linkName string) *Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.links[linkName]
}

// Now returns the network's time: virtual if it is stepped, the system's if it
// is live.
func (n *Network) Now() time.Time {
	if n.cfg.Live {
		return n.base.Add(time.Since(n.base))
	}
	return unix(n.shown.Load())
}

// clock is Now in Unix nanoseconds, for callers that hold n.mu.
func (n *Network) clock() int64 {
	if n.cfg.Live {
		return n.start + int64(time.Since(n.base))
	}
	return n.now
}

// Close closes all handles, ends the goroutine of a live network and waits for
// it, and frees the memory. It is idempotent and, as [Transport.Close], must
// not be called from within Deliver or Event. Packets on their way are gone.
func (n *Network) Close() error {
	n.mu.Lock()
	n.closed = true
	n.rouse()
	var handles []*Transport
	for _, nd := range n.order {
		handles = append(handles, nd.handles...)
	}
	n.mu.Unlock()
	for _, t := range handles {
		if err := t.Close(); err != nil {
			return err
		}
	}
	if n.cfg.Live {
		n.poke()
		<-n.done
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heap = heap{}
	n.bufs = buffers{}
	n.pool = nil
	if n.cfg.Report != nil {
		return nil
	}
	return n.bubble.failure
}

func unix(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// addTime adds a time and a duration that is not negative; times that cannot
// be told are the end of time.
func addTime(at int64, d int64) int64 {
	if at > maxTime-d {
		return maxTime
	}
	return at + d
}

func unsupported(feature string) error {
	return &transport.UnsupportedError{Transport: name, Feature: feature}
}
