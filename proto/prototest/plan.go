// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"protean/transport/sim"
)

// A plan is a topology as its text tells it.
type plan struct {
	nodes []planNode
	links []planLink
}

type nodeKind uint8

const (
	hostNode nodeKind = iota
	routerNode
	switchNode
)

type planNode struct {
	name string
	kind nodeKind
}

type planLink struct {
	a, b  string
	apply []func(c *sim.LinkConfig)
}

// A TopologyError says what is wrong with the text of a topology.
type TopologyError struct {
	Part   string // of the text
	Reason string
}

func (e *TopologyError) Error() string { return fmt.Sprintf("topology: %q: %s", e.Part, e.Reason) }

var (
	routerName = regexp.MustCompile(`^r[0-9]+$`)
	switchName = regexp.MustCompile(`^s[0-9]+$`)
)

// parsePlan reads the text of a topology, see [Topology].
func parsePlan(text string) (*plan, error) {
	p := new(plan)
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		part, _, _ = strings.Cut(part, "#")
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		if reason := p.add(part); reason != "" {
			return nil, &TopologyError{part, reason}
		}
	}
	if len(p.nodes) == 0 {
		return nil, &TopologyError{text, "there is no node"}
	}
	return p, nil
}

// add reads a chain of nodes, "a - r1 - b [delay 10ms, loss 1%]".
func (p *plan) add(part string) (reason string) {
	chain, settings, has := strings.Cut(part, "[")
	var apply []func(*sim.LinkConfig)
	if has {
		settings, ok := strings.CutSuffix(strings.TrimSpace(settings), "]")
		if !ok {
			return "the bracket has no end"
		}
		for s := range strings.SplitSeq(settings, ",") {
			f, reason := parseSetting(strings.Fields(s))
			if reason != "" {
				return reason
			}
			apply = append(apply, f)
		}
	}
	words := strings.Fields(chain)
	for i, w := range words {
		if i%2 == 1 {
			if w != "-" {
				return fmt.Sprintf("want \" - \" between two nodes, not %q", w)
			}
			continue
		}
		if reason := p.node(w); reason != "" {
			return reason
		}
		if i > 0 {
			a, b := bare(words[i-2]), bare(w)
			if a == b {
				return a + " is connected to itself"
			}
			p.links = append(p.links, planLink{a, b, apply})
		}
	}
	switch {
	case len(words)%2 == 0:
		return "a node is missing"
	case len(words) == 1 && has:
		return "there is no link to set anything of"
	}
	return ""
}

// bare is a node's name without its kind.
func bare(word string) string {
	name, _, _ := strings.Cut(word, ":")
	return name
}

// node adds a node, "a" or "gw:router", unless it is there already.
func (p *plan) node(word string) (reason string) {
	name, kindName, has := strings.Cut(word, ":")
	n := planNode{name: name}
	switch {
	case !has && routerName.MatchString(name), kindName == "router":
		n.kind = routerNode
	case !has && switchName.MatchString(name), kindName == "switch":
		n.kind = switchNode
	case has && kindName != "host":
		return fmt.Sprintf("%q is neither host nor router nor switch", kindName)
	}
	i := slices.IndexFunc(p.nodes, func(o planNode) bool { return o.name == name })
	switch {
	case i < 0:
		p.nodes = append(p.nodes, n)
	case has && p.nodes[i].kind != n.kind:
		return name + " was something else before"
	}
	return ""
}

// parseSetting reads a setting of a link, such as "delay 10ms".
func parseSetting(w []string) (f func(*sim.LinkConfig), reason string) {
	if len(w) != 2 {
		return nil, fmt.Sprintf("setting %q: want a name and a value", strings.Join(w, " "))
	}
	var err error
	var d time.Duration
	var p float64
	var n int
	var rate int64
	name, value := w[0], w[1]
	switch name {
	case "delay", "jitter", "reorderdelay":
		d, err = time.ParseDuration(value)
	case "loss", "duplicate", "reorder":
		p, err = parseProbability(value)
	case "mtu", "queue":
		n, err = strconv.Atoi(value)
	case "rate":
		rate, err = parseRate(value)
	}
	if err != nil {
		return nil, fmt.Sprintf("setting %s: %q is no value for it", name, value)
	}
	switch name {
	case "delay":
		return func(c *sim.LinkConfig) { c.Delay = d }, ""
	case "jitter":
		return func(c *sim.LinkConfig) { c.Jitter = d }, ""
	case "reorderdelay":
		return func(c *sim.LinkConfig) { c.ReorderDelay = d }, ""
	case "loss":
		return func(c *sim.LinkConfig) { c.Loss = p }, ""
	case "duplicate":
		return func(c *sim.LinkConfig) { c.Duplicate = p }, ""
	case "reorder":
		return func(c *sim.LinkConfig) { c.Reorder = p }, ""
	case "mtu":
		return func(c *sim.LinkConfig) { c.MTU = n }, ""
	case "queue":
		return func(c *sim.LinkConfig) { c.QueuePackets = n }, ""
	case "rate":
		return func(c *sim.LinkConfig) { c.Rate = rate }, ""
	}
	return nil, fmt.Sprintf("there is no setting %q; there are delay, jitter, loss, duplicate, reorder, reorderdelay, mtu, queue and rate", name)
}

// parseProbability reads "0.01" or "1%".
func parseProbability(s string) (float64, error) {
	percent, ok := strings.CutSuffix(s, "%")
	p, err := strconv.ParseFloat(percent, 64)
	if ok {
		p /= 100
	}
	return p, err
}

// parseRate reads bits per second: "64000", "10M", "1G".
func parseRate(s string) (int64, error) {
	unit := int64(1)
	for _, u := range []struct {
		suffix string
		factor int64
	}{{"k", 1e3}, {"M", 1e6}, {"G", 1e9}} {
		if t, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = t, u.factor
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err == nil && (n < 0 || n > 1e12/unit) {
		err = strconv.ErrRange
	}
	return n * unit, err
}
