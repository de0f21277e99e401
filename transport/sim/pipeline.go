// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"net"
	"time"

	"protean/transport/impair"
)

// Set changes what the link does to packets, from now on; those on their way
// finish what they have begun under the old settings. Packets go on to be
// counted and numbered; a queue, a burst of losses, a translator of addresses
// begins anew. cfg.Name must be empty or the link's. If an MTU changes, the
// handles of its node have an event of kind LinkChanged. Errors:
// *[ConfigError], net.ErrClosed.
func (l *Link) Set(cfg *LinkConfig) error {
	n := l.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return net.ErrClosed
	}
	var c LinkConfig
	if cfg != nil {
		c = *cfg
	}
	if c.Name != "" && c.Name != l.name {
		return &ConfigError{"link " + l.name, "Name", "is another"}
	}
	c.Name = l.name
	if err := c.validate(c.Name, l.dirs[0].from.hasV6() || l.dirs[0].to.hasV6()); err != nil {
		return err
	}
	was := [2]int{l.dirs[0].mtu, l.dirs[1].mtu}
	if err := l.set(&c); err != nil {
		return err
	}
	for i, d := range l.dirs {
		if d.mtu != was[i] {
			d.from.node.linkChanged(d.from)
		}
	}
	return nil
}

// set applies settings that are valid but for their pipelines.
func (l *Link) set(c *LinkConfig) error {
	back := c
	if c.Back != nil {
		back = c.Back
	}
	link := impair.Link{
		Name: l.name, Seed: l.net.cfg.Seed,
		Hook: impair.Hook{Filter: l.net.cfg.Filter, Recorder: l.net.cfg.Recorder},
	}
	forth, backward, err := link.Compile(c.pipeline(), back.pipeline())
	if err != nil {
		return &ConfigError{"link " + l.name, "Pipeline", err.Error()}
	}
	for i, p := range []*impair.Program{forth, backward} {
		l.dirs[i].setProgram(p)
		l.dirs[i].mtu = [2]*LinkConfig{c, back}[i].mtu()
	}
	return nil
}

// mtu returns the MTU of the sending port.
func (c *LinkConfig) mtu() int {
	mtu := c.MTU
	if mtu == 0 {
		mtu = DefaultMTU
	}
	if m, ok := c.Pipeline.RefusedAbove(); ok {
		mtu = min(mtu, m)
	}
	return mtu
}

// pipeline returns all that happens to packets of one direction.
func (c *LinkConfig) pipeline() (p impair.Pipeline) {
	if c.Rate > 0 {
		p = append(p, impair.Rate{Bits: c.Rate, Packets: c.QueuePackets, Bytes: c.QueueBytes})
	}
	if c.Loss > 0 {
		p = append(p, impair.Loss{P: c.Loss})
	}
	if c.Reorder > 0 {
		hold := c.ReorderDelay
		if hold == 0 {
			hold = max(c.Delay+c.Jitter, time.Millisecond)
		}
		p = append(p, impair.Reorder{P: c.Reorder, Hold: hold})
	}
	if c.Delay > 0 || c.Jitter > 0 {
		p = append(p, impair.Delay{Time: c.Delay, Jitter: c.Jitter})
	}
	if c.Duplicate > 0 {
		p = append(p, impair.Duplicate{P: c.Duplicate})
	}
	return append(p, c.Pipeline...)
}

// stats returns what was counted.
func (d *direction) stats() LinkStats {
	s := d.pipe.Stats()
	return LinkStats{
		Offered: s.Offered, OfferedBytes: s.OfferedBytes, Delivered: s.Delivered - d.apart - d.dark,
		Lost: s.Lost, QueueDropped: s.QueueDropped, TooBig: s.TooBig, Filtered: s.Filtered,
		Down: s.Cleared + d.dark, Partitioned: d.apart, InFlight: s.InFlight,
		Duplicated: s.Duplicated, Reordered: s.Reordered, Corrupted: s.Corrupted, Marked: s.Marked,
	}
}
