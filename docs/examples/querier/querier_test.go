// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package querier

import (
	"net/netip"
	"testing"

	"protean/proto"
	"protean/proto/checksum"
	"protean/proto/prototest"
)

// report is an IGMPv3 report with a right checksum.
func report(records ...byte) []byte {
	m := append([]byte{igmpReport, 0, 0, 0, 0, 0, 0, 1}, records...)
	sum := checksum.Checksum(m)
	m[2], m[3] = byte(sum>>8), byte(sum)
	return m
}

func TestReportsThatLieAreDropped(t *testing.T) {
	n := prototest.Pair(t, nil)
	var got []netip.Addr
	q := &Querier{Interface: "eth0", Interval: 1e9, Response: 1e8, Report: func(_, group netip.Addr, _ bool) { got = append(got, group) }}
	b := n.B.RegisterWith(t, q, q.Options())
	a := n.A.Register(t, 2, proto.HandlerFunc(func(*proto.Env, *proto.Packet) error { return proto.Pass }))
	good := report(4, 0, 0, 0, 239, 1, 1, 1)
	wrong := report(4, 0, 0, 0, 239, 1, 1, 2)
	wrong[3] ^= 1
	for _, m := range [][]byte{
		nil, good[:7], wrong,
		report(4, 0, 0, 9, 239, 1, 1, 3),       // sources that are not there
		report(4, 0xff, 0, 0, 239, 1, 1, 4),    // auxiliary data that is not there
		report(4, 0, 0xff, 0xff, 239, 1, 1, 5), // more of them than a packet holds
		good,
	} {
		var err error
		if doErr := a.Do(func(env *proto.Env) { err = env.Send(proto.Header{Dst: n.B.Addr4}, m) }); doErr != nil || err != nil {
			t.Fatal(doErr, err)
		}
	}
	n.Run(t, 1e9)
	if len(got) != 1 || got[0] != netip.MustParseAddr("239.1.1.1") {
		t.Errorf("reported %v", got)
	}
	if s := b.Stats(); s.Dropped.Total() != 6 || s.Taken != 1 {
		t.Errorf("taken %d, dropped %d", s.Taken, s.Dropped.Total())
	}
}
