// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import "time"

// limits are the token buckets for ICMP errors of one kernel, as in
// net/ipv4/icmp.c and net/ipv4/inetpeer.c of Linux. Time is continuous here,
// not in jiffies, and a message always costs one token of the bucket for all,
// where Linux draws at random between none and two.
type limits struct {
	peers map[hopKey]bucket

	credit int64 // messages to all
	stamp  int64 // when credit was last filled; 0: never
}

// A bucket is that of one destination.
type bucket struct{ tokens, last int64 } // nanoseconds

const (
	peerBurst = 6    // XRLIM_BURST_FACTOR
	maxPeers  = 4096 // then they are forgotten, and have full buckets again

	// What has no route is limited twice in IPv4, by the same bucket: first by
	// ip_error in net/ipv4/route.c (net.ipv4.route.error_cost, error_burst).
	routeErrorCost  = int64(time.Second)
	routeErrorBurst = int64(5 * time.Second)
)

// allow reports whether an error may be sent to a destination now, and counts
// it if so.
func (k *kernel) allow(pr problem, to key, v6 bool, now int64) bool {
	l := &k.limits
	if !v6 && pr.kind == NoRoutes && k.cfg.Interval > 0 && !l.peer(hopKey{to, v6}, routeErrorCost, routeErrorBurst, now) {
		return false
	}
	if k.cfg.PerSecond > 0 {
		l.fill(int64(k.cfg.PerSecond), int64(k.cfg.Burst), now)
		if l.credit <= 0 {
			return false
		}
	}
	interval := k.cfg.Interval
	if v6 {
		interval = k.cfg.Interval6
	}
	if interval > 0 && !l.peer(hopKey{to, v6}, int64(interval), peerBurst*int64(interval), now) {
		return false
	}
	l.credit--
	return true
}

// fill adds the tokens of the time that has passed. As in
// icmp_global_allow, nothing is added for less than 20 ms.
func (l *limits) fill(perSecond, burst, now int64) {
	since := min(now-l.stamp, int64(time.Second))
	if l.stamp == 0 {
		since = int64(time.Second)
	}
	if since < int64(time.Second)/50 {
		return
	}
	if add := since * perSecond / int64(time.Second); add > 0 {
		l.credit = min(l.credit+add, burst)
		l.stamp = now
	}
}

// peer takes a message's cost from the bucket of a destination, which holds no
// more than most.
func (l *limits) peer(to hopKey, cost, most, now int64) bool {
	b, known := l.peers[to]
	if known {
		b.tokens = min(b.tokens+now-b.last, most)
	} else {
		b.tokens = most
		if l.peers == nil || len(l.peers) >= maxPeers {
			l.peers = map[hopKey]bucket{}
		}
	}
	b.last = now
	ok := b.tokens >= cost
	if ok {
		b.tokens -= cost
	}
	l.peers[to] = b
	return ok
}
