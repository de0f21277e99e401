// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// stage takes a stage.
func (p *parser) stage() (Stage, error) {
	w, _ := p.next("")
	switch w {
	case "delay":
		return p.delay()
	case "loss":
		var l Loss
		err := p.chance(&l.P)
		return l, err
	case "gemodel":
		return p.gemodel()
	case "drop":
		return p.drop()
	case "duplicate":
		var d Duplicate
		err := p.chance(&d.P)
		if err == nil && p.accept("delay") {
			err = read(p, &d.Delay, "a duration", parseDuration)
		}
		return d, err
	case "reorder":
		return p.reorder()
	case "corrupt":
		return p.corrupt()
	case "rate":
		return p.rate()
	case "mtu":
		var m MTU
		err := p.int(&m.Bytes)
		m.Refuse = p.accept("refuse")
		return m, err
	}
	return p.middlebox(w)
}

func (p *parser) middlebox(w string) (Stage, error) {
	switch w {
	case "allow":
		var a Allow
		err := read(p, &a.Protocols, "protocol numbers", parseProtocols)
		return a, err
	case "dropfragments":
		return DropFragments{}, nil
	case "bleach":
		var b Bleach
		err := read(p, &b, "ecn, dscp or tos", func(s string) (Bleach, error) {
			b := Bleach{ECN: s == "ecn" || s == "tos", DSCP: s == "dscp" || s == "tos"}
			if !b.ECN && !b.DSCP {
				return b, errors.New("is none of ecn, dscp and tos")
			}
			return b, nil
		})
		return b, err
	case "cleardf":
		return ClearDF{}, nil
	case "ttl":
		var t TTL
		switch {
		case p.accept("hops"):
			return t, p.uint8(&t.Hops)
		case p.accept("set"):
			return t, p.uint8(&t.Set)
		}
		return t, errors.New("\"hops\" or \"set\" should follow")
	case "nat":
		var n NAT
		err := read(p, &n.Outside, "addresses", parseAddresses)
		return n, firstError(err, p.timeout(&n.Timeout))
	case "masquerade":
		var m Masquerade
		err := read(p, &m.Outside, "an address", netip.ParseAddr)
		return m, firstError(err, p.timeout(&m.Timeout))
	case "denat":
		return Denat{}, nil
	}
	return nil, errors.New("is neither a stage nor a setting of the one before")
}

func (p *parser) timeout(to *time.Duration) error {
	if !p.accept("timeout") {
		return nil
	}
	return read(p, to, "a duration", parseDuration)
}

func (p *parser) delay() (Stage, error) {
	var d Delay
	err := read(p, &d.Time, "a duration", parseDuration)
	for err == nil {
		switch {
		case p.accept("jitter"):
			err = read(p, &d.Jitter, "a duration", parseDuration)
		case p.accept("overtake"):
			d.Overtake = true
		case p.accept("trace"):
			err = read(p, &d.Trace, "durations", parseDurations)
		default:
			if !p.distribution(&d.Shape) {
				return d, nil
			}
		}
	}
	return d, err
}

func (p *parser) distribution(to *Distribution) bool {
	for d := range Distribution(numDistributions) {
		if p.accept(d.String()) {
			*to = d
			return true
		}
	}
	return false
}

func (p *parser) gemodel() (Stage, error) {
	var g GEModel
	if err := p.chance(&g.P); err != nil {
		return g, err
	}
	g.R, g.LossBad = 1-g.P, 1
	for _, to := range []*float64{&g.R, &g.LossBad, &g.LossGood} {
		if !p.number() {
			break
		}
		if err := p.chance(to); err != nil {
			return g, err
		}
	}
	return g, nil
}

func (p *parser) drop() (Stage, error) {
	var d Drop
	var err error
	if p.number() {
		err = read(p, &d.Packets, "packet numbers", parseRanges)
	}
	for err == nil {
		switch {
		case p.accept("every"):
			err = p.uint(&d.Every)
		case p.accept("burst"):
			err = p.uint(&d.Burst)
		case p.accept("from"):
			err = p.uint(&d.From)
		case p.accept("most"):
			err = p.uint(&d.Most)
		case p.accept("if"):
			d.Match, err = p.predicate()
		default:
			return d, nil
		}
	}
	return d, err
}

func (p *parser) reorder() (Stage, error) {
	var r Reorder
	var err error
	if p.accept("every") {
		err = p.uint(&r.Every)
	} else {
		err = p.chance(&r.P)
	}
	for err == nil {
		switch {
		case p.accept("distance"):
			err = p.int(&r.Distance)
		case p.accept("hold"):
			err = read(p, &r.Hold, "a duration", parseDuration)
		default:
			return r, nil
		}
	}
	return r, err
}

func (p *parser) corrupt() (Stage, error) {
	var x Corrupt
	err := p.chance(&x.P)
	for err == nil {
		switch {
		case p.accept("bits"):
			err = p.int(&x.Bits)
		case p.accept("payload"):
			x.Part = Payload
		case p.accept("header"):
			x.Part = Header
		case p.accept("anywhere"):
			x.Part = Anywhere
		default:
			return x, nil
		}
	}
	return x, err
}

func (p *parser) rate() (Stage, error) {
	var r Rate
	var err error
	if p.accept("trace") {
		err = read(p, &r.Trace, "durations", parseDurations)
	} else {
		err = read(p, &r.Bits, "a speed", bitUnits().parse)
	}
	for err == nil {
		switch {
		case p.accept("burst"):
			err = p.bytes(&r.Burst)
		case p.accept("limit"):
			err = p.limit(&r)
		case p.accept("codel"):
			if r.CoDel == nil {
				r.CoDel = new(CoDel)
			}
		case r.CoDel != nil && p.accept("target"):
			err = read(p, &r.CoDel.Target, "a duration", parseDuration)
		case r.CoDel != nil && p.accept("interval"):
			err = read(p, &r.CoDel.Interval, "a duration", parseDuration)
		case r.CoDel != nil && p.accept("ecn"):
			r.CoDel.ECN = true
		default:
			return r, nil
		}
	}
	return r, err
}

// limit takes a limit in packets ("100p") or bytes.
func (p *parser) limit(r *Rate) error {
	if p.done() || !strings.HasSuffix(p.words[p.at], "p") {
		return p.bytes(&r.Bytes)
	}
	return read(p, &r.Packets, "a limit", func(s string) (int, error) {
		n, err := strconv.ParseUint(strings.TrimSuffix(s, "p"), 10, 31)
		if err != nil || n == 0 {
			return 0, errors.New("is not a number of packets such as 100p")
		}
		return int(n), nil
	})
}

func parseRanges(s string) (all []Range, err error) {
	for _, w := range strings.Split(s, ",") {
		a, b, isRange := strings.Cut(w, "-")
		if !isRange {
			b = a
		}
		from, err1 := strconv.ParseUint(a, 10, 64)
		to, err2 := strconv.ParseUint(b, 10, 64)
		if err1 != nil || err2 != nil {
			return nil, errors.New("is not a list of packets such as 3,17,20-25")
		}
		all = append(all, Range{from, to})
	}
	return all, nil
}

func parseProtocols(s string) (all []uint8, err error) {
	for _, w := range strings.Split(s, ",") {
		n, err := strconv.ParseUint(w, 10, 8)
		if err != nil {
			return nil, errors.New("is not a list of protocol numbers such as 1,6,17")
		}
		all = append(all, uint8(n))
	}
	return all, nil
}

func parseAddresses(s string) (all []netip.Addr, err error) {
	for _, w := range strings.Split(s, ",") {
		a, err := netip.ParseAddr(w)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

// firstError returns the first error.
func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
