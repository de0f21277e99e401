// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"errors"
	"sync"
)

// A Lab is a running topology. It is safe for concurrent use.
type Lab struct {
	nodes []*Node
	close sync.Once
}

// New builds a topology and returns when packets can flow. The caller closes
// the lab. A process without the privileges gets an error that matches
// [os.ErrPermission]; see [Enter].
func New(t Topology) (*Lab, error) {
	p, err := newPlan(t)
	if err != nil {
		return nil, err
	}
	l := &Lab{}
	if err := l.build(p); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Node returns the node of that name, or nil if there is none.
func (l *Lab) Node(name string) *Node {
	for _, n := range l.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// Nodes returns all nodes in the order of the topology.
func (l *Lab) Nodes() []*Node { return append([]*Node(nil), l.nodes...) }

// Close kills the processes started in the lab and lets go of its namespaces,
// which the kernel takes down with everything in them as soon as nobody else
// has a socket or descriptor there. Close is idempotent; it waits for the
// lab's own goroutines and not for functions that are running in [Node.Do].
func (l *Lab) Close() error {
	var err error
	l.close.Do(func() {
		for _, n := range l.nodes {
			err = errors.Join(err, n.close())
		}
	})
	return err
}
