// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"encoding/binary"
	"testing"
	"time"

	"protean/transport"
	"protean/transport/netlab"
)

// TestAPacketBehindAnotherIsJudgedByItself: where one packet was sent, the next is not
// taken for its like.
func TestAPacketBehindAnotherIsJudgedByItself(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	type slot = transport.Slot
	length := func(d []byte, more int) {
		at := 2
		if d[0]>>4 == 6 {
			at = 4
		}
		binary.BigEndian.PutUint16(d[at:], uint16(int(binary.BigEndian.Uint16(d[at:]))+more))
	}
	odd := map[string]func(s *slot, v6 bool){
		"longer than it says":        func(s *slot, v6 bool) { length(s.Data, -1) },
		"shorter than it says":       func(s *slot, v6 bool) { length(s.Data, 1) },
		"of another version":         func(s *slot, v6 bool) { s.Data[0] = 0x55 },
		"of the other version":       func(s *slot, v6 bool) { s.Data[0] ^= 0x20 },
		"without most of its header": func(s *slot, v6 bool) { s.Data = s.Data[:19] },
		"empty":                      func(s *slot, v6 bool) { s.Data = s.Data[:0] },
		"by another interface":       func(s *slot, v6 bool) { s.IfIndex = 1 },
		"above the MTU":              func(s *slot, v6 bool) { s.Data = append(s.Data[:0], between(a, b, v6, make([]byte, 1481))...) },
		"a probe above the MTU": func(s *slot, v6 bool) {
			s.Data, s.Frag = append(s.Data[:0], between(a, b, v6, make([]byte, 1481))...), transport.FragProbe
		},
		"to an address of this host": func(s *slot, v6 bool) { s.Data = append(s.Data[:0], between(a, a, v6, make([]byte, 8))...) },
		"with a short header length, or no end of it": func(s *slot, v6 bool) {
			if s.Data[0] = 0x44; v6 {
				s.Data = append(s.Data[:0], between(a, b, v6, nil)...)
				s.Data[6] = 0 // hop-by-hop options and no payload: a jumbogram
			}
		},
	}
	senders(t, func(t *testing.T, c Config) {
		tr := open(t, a, c)
		q := tr.Queues()[0]
		most := 0 // bytes that a packet like the last one may have
		commit := func(n int, v6 bool, change func(*slot, bool)) (int, error) {
			var batch transport.Batch
			if err := q.Reserve(&batch, n); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				s := &batch.Slots[i]
				s.Data = append(s.Data, between(a, b, v6, make([]byte, 30))...)
			}
			change(&batch.Slots[n-1], v6)
			sent, err := q.Commit(&batch, n)
			most = tr.queues[0].tx.last.most
			for range len(batch.Slots) {
				batch.Drop()
			}
			q.Commit(&batch, 0)
			return sent, err
		}
		families(t, func(t *testing.T, v6 bool) {
			if n, err := commit(3, v6, func(*slot, bool) {}); n != 3 || err != nil {
				t.Fatalf("%d of 3 were sent: %v", n, err)
			}
			for end := time.Now().Add(5 * time.Second); tr.Stats().Sent != tr.Stats().Committed && time.Now().Before(end); {
				time.Sleep(time.Millisecond) // they may wait for the neighbour
			}
			if n, err := commit(3, v6, func(*slot, bool) {}); n != 3 || err != nil || most != 1500 {
				t.Fatalf("%d of 3 were sent: %v; %d bytes may follow", n, err, most)
			}
			for name, change := range odd {
				_, want := commit(1, v6, change)
				if want == nil {
					t.Errorf("a packet %s was sent", name)
					continue
				}
				n, err := commit(4, v6, change)
				if n != 3 || err == nil || err.Error() != want.Error() {
					t.Errorf("a packet %s behind 3 others: %d sent, %v, want %v", name, n, err, want)
				}
			}
		})
	})
}
