// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"protean/proto/checksum"
	"protean/transport"
)

// TestChecksumsCatchEveryCorruption sends packets with a checksum over the
// payload, and compares what was flipped with what is reported.
func TestChecksumsCatchEveryCorruption(t *testing.T) {
	const n = 3000
	for text, part := range map[string]Part{
		"corrupt 100%":                  Payload,
		"corrupt 100% bits 2":           Payload,
		"corrupt 100% bits 15":          Payload,
		"corrupt 100% bits 3 header":    Header,
		"corrupt 100% anywhere bits 4":  Anywhere,
		"corrupt 100% anywhere bits 15": Anywhere,
	} {
		var r Recorder
		l := newLab(t, &Link{Seed: 3, Hook: Hook{Recorder: &r}}, text, "")
		random := rand.New(rand.NewPCG(1, 1))
		var sent [][]byte
		for i := range n {
			payload := make([]byte, 2+random.IntN(60))
			for k := 2; k < len(payload); k++ {
				payload[k] = byte(random.Uint32())
			}
			binary.BigEndian.PutUint16(payload, checksum.Checksum(payload))
			b := packet4("10.0.0.1", "10.0.0.2", 253, payload)
			sent = append(sent, slices.Clone(b))
			l.send(0, i, b)
		}
		l.pass(0)
		l.balance()
		faults := r.Faults()
		if len(faults) != n || len(l.out[0]) != n {
			t.Fatalf("%s: %d faults, %d packets", text, len(faults), len(l.out[0]))
		}
		for i, a := range l.out[0] {
			want := slices.Clone(sent[i])
			for _, b := range faults[i].Flipped {
				want[b/8] ^= 0x80 >> (b % 8)
			}
			if !slices.Equal(a.data, want) {
				t.Fatalf("%s: packet %d is not as the fault tells: %v", text, i, faults[i].Flipped)
			}
			inHeader := faults[i].Flipped[0] < 160
			inPayload := faults[i].Flipped[len(faults[i].Flipped)-1] >= 160
			if inHeader && part == Payload || inPayload && part == Header {
				t.Fatalf("%s: flips %v", text, faults[i].Flipped)
			}
			headerBad := !checksum.Verify(a.data[:20])
			payloadBad := !checksum.Verify(a.data[20:])
			if headerBad != inHeader || payloadBad != inPayload {
				t.Fatalf("%s: flips %v: header wrong: %v, payload wrong: %v", text, faults[i].Flipped, headerBad, payloadBad)
			}
		}
	}
}

func TestCorruptionHasItsProbabilityAndStrikesEveryBitAlike(t *testing.T) {
	const n = 50000
	var r Recorder
	l := newLab(t, &Link{Seed: 3, Hook: Hook{Recorder: &r}}, "corrupt 40%", "")
	b := packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, 10))
	for i := range n {
		l.send(0, i, b)
		l.pass(0)
	}
	l.balance()
	within(t, "corrupted", len(r.Faults()), n, 0.4)
	var at []float64
	for _, f := range r.Faults() {
		at = append(at, float64(f.Flipped[0]-160))
	}
	fits(t, "bits", at, func(x float64) float64 { return (x + 0.5) / 80 })
}

func TestWhatCannotBeCorruptedIsLeft(t *testing.T) {
	for _, b := range [][]byte{
		packet4("10.0.0.1", "10.0.0.2", 253, nil),
		packet6("2001:db8::1", "2001:db8::2", 59, nil),
	} {
		l := newLab(t, nil, "corrupt 100% bits 15", "")
		l.send(0, 0, b)
		l.pass(0)
		l.balance()
		if len(l.out[0]) != 1 || !slices.Equal(l.out[0][0].data, b) || l.pipes[0].Stats().Corrupted != 0 {
			t.Errorf("% x became %v", b, l.out[0])
		}
	}
	// One byte has eight bits.
	l := newLab(t, nil, "corrupt 100% bits 15", "")
	l.send(0, 0, packet4("10.0.0.1", "10.0.0.2", 253, []byte{0xa5}))
	l.pass(0)
	if got := l.out[0][0].data[20]; got != 0x5a {
		t.Errorf("a payload of one byte became %x, want all its bits flipped", got)
	}
}

func TestACorruptedHeaderIsMalformed(t *testing.T) {
	l := newLab(t, nil, "corrupt 100% header", "")
	b := packet4("10.0.0.1", "10.0.0.2", 253, make([]byte, 10))
	for range 160 {
		l.send(0, 0, b)
	}
	l.pass(0)
	for _, a := range l.out[0] {
		var p transport.Packet
		if p.Load(a.data, transport.Arrival{}) == 0 {
			t.Fatalf("% x is taken for a good header", a.data[:20])
		}
	}
}
