// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package echo

import (
	"testing"
	"time"

	"protean/proto/prototest"
	"protean/transport/sim"
)

// The faults below depend on the seed alone: the same output comes out of every
// run.

func TestPrintsWhatPingPrints(t *testing.T) {
	for _, c := range []struct {
		name string
		net  *prototest.Config
		v6   bool
		cfg  Config
		resp ResponderConfig
		seed uint64 // with which the link does what the text says
	}{
		{name: "over a perfect link", net: link(5*time.Millisecond, nil), cfg: Config{Count: 3}},
		{name: "IPv6", net: link(123456*time.Nanosecond, nil), v6: true, cfg: Config{Count: 2}},
		{name: "lost requests", net: link(time.Millisecond, func(l *sim.LinkConfig) { l.Loss = 0.4 }), cfg: Config{Count: 6, Waiting: true}, seed: 28},
		{name: "duplicates", net: link(time.Millisecond, func(l *sim.LinkConfig) { l.Duplicate = 0.5 }), cfg: Config{Count: 4}, seed: 2},
		{name: "late answers", net: link(0, nil), cfg: Config{Count: 4, Timeout: 2 * time.Second}, resp: ResponderConfig{Delay: 2500 * time.Millisecond}},
		{name: "answers out of order", net: link(10*time.Millisecond, func(l *sim.LinkConfig) { l.Reorder, l.ReorderDelay = 0.4, 300*time.Millisecond }), cfg: Config{Count: 6, Interval: 100 * time.Millisecond}, seed: 92},
		{name: "nobody answers", net: link(0, func(l *sim.LinkConfig) { l.Loss = 1 }), cfg: Config{Count: 2, Timeout: 3 * time.Second, Waiting: true}},
		{name: "a deadline", net: link(700*time.Millisecond, nil), cfg: Config{Deadline: 3500 * time.Millisecond}},
		{name: "a deadline and a number of answers", net: link(time.Millisecond, func(l *sim.LinkConfig) { l.Loss = 0.5 }), cfg: Config{Deadline: time.Minute, Count: 3}, seed: 20},
		{name: "larger than the MTU", net: link(0, nil), cfg: Config{Count: 1, Size: 1473}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.seed != 0 {
				c.net.Seed = c.seed
			}
			n := prototest.Pair(t, c.net)
			respond(t, n, c.resp)
			if c.cfg.Size == 0 {
				c.cfg.Size = 56
			}
			r := ping(t, n, c.v6, c.cfg)
			s := r.finish(t, n)
			want(t, r.out.String()+r.err.String(), golden[c.name])
			if s.Transmitted < s.Received+s.Late+s.InFlight {
				t.Errorf("more answers than requests: %+v", s)
			}
		})
	}
}

func TestStampsAndNamesAndSources(t *testing.T) {
	n := prototest.Pair(t, link(time.Millisecond, nil))
	respond(t, n, ResponderConfig{})
	r := &run{}
	r.text = Text{Out: &r.out, Err: &r.err, Host: "b.test", Name: "b.test", Addr: n.B.Addr4, Size: 56, Source: n.A.Addr4, Device: "eth0", Stamps: true}
	r.text.Head()
	r.Pinger = &Pinger{Config: Config{Dst: n.B.Addr4, Count: 1, Size: 56, Report: r.text.Event}}
	n.A.Register(t, 1, r.Pinger)
	s := r.finish(t, n)
	r.text.Interim(&s)
	want(t, r.out.String()+r.err.String(), `
PING b.test (10.0.0.2) from 10.0.0.1 eth0: 56(84) bytes of data.
[946684800.002000] 64 bytes from b.test (10.0.0.2): icmp_seq=1 ttl=64 time=2.00 ms

--- b.test ping statistics ---
1 packets transmitted, 1 received, 0% packet loss, time 2ms
rtt min/avg/max/mdev = 2.000/2.000/2.000/0.000 ms
1/1 packets, 0% loss, min/avg/ewma/max = 2.000/2.000/2.000/2.000 ms`)
}

func TestQuietPrintsTheStatisticsOnly(t *testing.T) {
	n := prototest.Pair(t, link(time.Millisecond, nil))
	respond(t, n, ResponderConfig{})
	r := ping(t, n, false, Config{Count: 3, Size: 56})
	r.text.Quiet = true
	r.finish(t, n)
	want(t, r.out.String(), `
PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.

--- 10.0.0.2 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 2002ms
rtt min/avg/max/mdev = 2.000/2.000/2.000/0.000 ms`)
}

func TestRoundTripTimesAreRoundedAsByPing(t *testing.T) {
	for us, text := range map[int64]string{
		0: "0.000", 70: "0.070", 999: "0.999", 1000: "1.00", 1234: "1.23", 1235: "1.24", 9994: "9.99",
		9995: "10.0", 12345: "12.3", 12350: "12.4", 99949: "99.9", 99950: "100", 123456: "123", 1234500: "1235",
	} {
		if got := string(appendRTT(nil, time.Duration(us)*time.Microsecond)); got != text {
			t.Errorf("%d µs: %q, want %q", us, got, text)
		}
	}
	for loss, text := range map[float64]string{0: "0", 100: "100", 18.7: "18.7", 97.43589743: "97.4359", 100.0 / 3: "33.3333"} {
		if got := string(appendLoss(nil, loss)); got != text {
			t.Errorf("%v%%: %q, want %q", loss, got, text)
		}
	}
}
