// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"protean/proto/checksum"
	"protean/transport"
)

// packet4 is an IPv4 packet with this payload.
func packet4(tb testing.TB, protocol uint8, payload []byte) *Packet {
	tb.Helper()
	b := make([]byte, 20+len(payload))
	b[0], b[8], b[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	copy(b[12:], []byte{10, 0, 0, 1, 10, 0, 0, 2})
	binary.BigEndian.PutUint16(b[10:], checksum.Checksum(b[:20]))
	copy(b[20:], payload)
	p := new(Packet)
	if m := p.Load(b, transport.Arrival{IfIndex: 1}); m != 0 {
		tb.Fatal(m)
	}
	return p
}

func TestReadQueueIsAQueueOfBoundedSize(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var q readQueue
	q.init(1000)
	var want [][]byte
	size, refused := 0, 0
	buf := make([]byte, 2000)
	for i := range 20_000 {
		if rng.IntN(2) == 0 {
			b := make([]byte, rng.IntN(300))
			for j := range b {
				b[j] = byte(i)
			}
			if q.put(packet4(t, 253, b)) {
				want = append(want, b)
				if size += len(b); size > 1000 {
					t.Fatal("holds more than its size")
				}
			} else if refused++; size+len(b) <= 400 {
				t.Fatalf("refused %d bytes with %d of 1000 in use", len(b), size)
			}
			continue
		}
		n, r, ok := q.get(buf)
		if ok != (len(want) > 0) {
			t.Fatalf("get: %v with %d packets waiting", ok, len(want))
		}
		if !ok {
			continue
		}
		if !bytes.Equal(buf[:n], want[0]) || r.ifindex != 1 || r.ttl != 64 {
			t.Fatalf("packet %d came out changed", i)
		}
		size -= len(want[0])
		want = want[1:]
	}
	if refused == 0 {
		t.Error("never full: the test shows nothing")
	}
}

func TestReadQueueBoundsEmptyPackets(t *testing.T) {
	var q readQueue
	q.init(2 * maxRecords)
	p := packet4(t, 253, nil)
	n := 0
	for q.put(p) {
		if n++; n > maxRecords {
			t.Fatal("no bound")
		}
	}
	if n != maxRecords {
		t.Errorf("%d packets, want %d", n, maxRecords)
	}
}
