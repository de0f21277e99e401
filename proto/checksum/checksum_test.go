// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package checksum

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// slowSum is RFC 1071 as it reads: 16-bit words, one carry at a time.
func slowSum(b []byte) uint16 {
	if len(b)%2 != 0 {
		b = append(bytes.Clone(b), 0)
	}
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
		if sum > 0xffff {
			sum = sum - 0x10000 + 1
		}
	}
	return uint16(sum)
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestSumOfKnownData(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want uint16
	}{
		{"no data sums to zero", nil, 0},
		{"zeros sum to zero", make([]byte, 77), 0},
		{"one byte is the high half of a word", []byte{0x12}, 0x1200},
		{"the example of RFC 1071 section 3", []byte{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}, 0xddf2},
		{"all ones stay all ones", bytes.Repeat([]byte{0xff}, 9000), 0xffff},
		{"a carry out of the last addition is added", append(bytes.Repeat([]byte{0xff}, 8), 0, 1, 0, 0, 0, 0, 0, 0), 0x0001},
		{"all ones and a short tail of ones", bytes.Repeat([]byte{0xff}, 64+8+6), 0xffff},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Sum(tt.data); got != tt.want {
				t.Errorf("Sum = %#04x, want %#04x", got, tt.want)
			}
			if got := slowSum(tt.data); got != tt.want {
				t.Errorf("the oracle says %#04x, want %#04x", got, tt.want)
			}
			if got := Checksum(tt.data); got != ^tt.want {
				t.Errorf("Checksum = %#04x, want %#04x", got, ^tt.want)
			}
		})
	}
}

func TestVerifyOfIPv4Header(t *testing.T) {
	header := []byte{
		0x45, 0x00, 0x00, 0x73, // version and header length, TOS, total length
		0x00, 0x00, 0x40, 0x00, // ID, don't fragment
		0x40, 0x11, 0xb8, 0x61, // TTL, UDP, checksum
		0xc0, 0xa8, 0x00, 0x01, // 192.168.0.1
		0xc0, 0xa8, 0x00, 0xc7, // 192.168.0.199
	}
	if !Verify(header) {
		t.Error("an intact header does not verify")
	}
	for i := range header {
		for bit := range 8 {
			header[i] ^= 1 << bit
			if Verify(header) {
				t.Errorf("a flipped bit %d of byte %d is not seen", bit, i)
			}
			header[i] ^= 1 << bit
		}
	}
	if Verify(make([]byte, 20)) {
		t.Error("zeros verify")
	}
}

func TestSumEqualsOracleAtEveryLengthAndAlignment(t *testing.T) {
	data := random(rand.New(rand.NewPCG(1, 2)), 400)
	for start := range 9 {
		for end := start; end <= len(data); end++ {
			if got, want := Sum(data[start:end]), slowSum(data[start:end]); got != want {
				t.Fatalf("Sum(data[%d:%d]) = %#04x, want %#04x", start, end, got, want)
			}
		}
	}
}

func TestSumOfAHeaderIsThatOfItsBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h [20]byte
	check := func() {
		t.Helper()
		if got, want := SumHeader(&h), Sum(h[:]); got != want {
			t.Fatalf("%x: %#04x, want %#04x", h, got, want)
		}
		be := binary.BigEndian
		if got, want := SumWords(be.Uint64(h[:]), be.Uint64(h[8:]), be.Uint32(h[16:])), Sum(h[:]); got != want {
			t.Fatalf("%x: %#04x of its words, want %#04x", h, got, want)
		}
	}
	check()
	for i := range h {
		h[i] = 0xff
		check()
	}
	for range 100_000 {
		for i := range h {
			// Ones and zeros more often, for carries.
			h[i] = []byte{0, 0xff, byte(rng.Uint32())}[rng.IntN(3)]
		}
		check()
	}
}

func TestPiecesCombineToTheWhole(t *testing.T) {
	data := random(rand.New(rand.NewPCG(3, 4)), 151)
	want := slowSum(data)
	for i := 0; i <= len(data); i++ {
		if got := CombineAt(Sum(data[:i]), Sum(data[i:]), i); got != want {
			t.Fatalf("CombineAt split at %d = %#04x, want %#04x", i, got, want)
		}
		if i%2 == 0 {
			if got := Combine(Sum(data[:i]), Sum(data[i:])); got != want {
				t.Fatalf("Combine split at %d = %#04x, want %#04x", i, got, want)
			}
		}
		for j := i; j <= len(data); j++ {
			var r Running
			r.Add(data[:i])
			r.Add(data[i:j])
			r.Add(data[j:])
			if r.Sum() != want || r.Checksum() != ^want {
				t.Fatalf("Running split at %d and %d = %#04x, want %#04x", i, j, r.Sum(), want)
			}
		}
	}
}

func TestRunningWithPseudoHeader(t *testing.T) {
	var r Running
	r.Add([]byte{1, 2, 3})
	r.AddSum(0x1234)
	r.Add([]byte{4})
	if got, want := r.Sum(), slowSum([]byte{1, 2, 3, 4, 0x12, 0x34}); got != want {
		t.Errorf("Sum = %#04x, want %#04x", got, want)
	}
}

func TestUpdateOfRFC1624Example(t *testing.T) {
	// Section 4: HC 0xdd2f, a field goes from 0x5555 to 0x3285; equation 3
	// gives 0x0000 where the equation of RFC 1141 wrongly gives 0xffff.
	if got := Update16(0xdd2f, 0x5555, 0x3285); got != 0 {
		t.Errorf("Update16 = %#04x, want 0", got)
	}
}

func TestUpdateEqualsComputingAnew(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		b := random(r, 20)
		b[0] = 0x45 // never all zero
		before := Checksum(b)

		at := 2 + 2*r.IntN(9)
		old, new := binary.BigEndian.Uint16(b[at:]), pick16(r)
		binary.BigEndian.PutUint16(b[at:], new)
		after := Update16(before, old, new)
		if want := ^slowSum(b); after != want {
			t.Fatalf("Update16(%#04x, %#04x, %#04x) = %#04x, want %#04x", before, old, new, after, want)
		}

		at = 2 + 2*r.IntN(8)
		old32 := binary.BigEndian.Uint32(b[at:])
		new32 := uint32(pick16(r))<<16 | uint32(pick16(r))
		binary.BigEndian.PutUint32(b[at:], new32)
		if got, want := Update32(after, old32, new32), ^slowSum(b); got != want {
			t.Fatalf("Update32(%#04x, %#08x, %#08x) = %#04x, want %#04x", after, old32, new32, got, want)
		}
	}
}

// pick16 prefers the values at which carries go wrong.
func pick16(r *rand.Rand) uint16 {
	switch r.IntN(4) {
	case 0:
		return 0
	case 1:
		return 0xffff
	}
	return uint16(r.Uint32())
}

func TestPseudoHeaderEqualsItsBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 1000 {
		protocol, length := uint8(r.Uint32()), r.IntN(1<<16)

		a4 := random(r, 8)
		b := append(bytes.Clone(a4), 0, protocol) // RFC 768
		b = binary.BigEndian.AppendUint16(b, uint16(length))
		src, _ := netip.AddrFromSlice(a4[:4])
		dst, _ := netip.AddrFromSlice(a4[4:])
		want := slowSum(b)
		if got := PseudoHeader(src, dst, protocol, length); got != want {
			t.Fatalf("PseudoHeader(%v, %v, %d, %d) = %#04x, want %#04x", src, dst, protocol, length, got, want)
		}
		if got := PseudoHeaderBytes(a4, protocol, length); got != want {
			t.Fatalf("PseudoHeaderBytes(%x, %d, %d) = %#04x, want %#04x", a4, protocol, length, got, want)
		}

		a16 := random(r, 32)
		length = int(r.Uint32() >> 1)
		b = binary.BigEndian.AppendUint32(bytes.Clone(a16), uint32(length)) // RFC 8200 section 8.1
		b = append(b, 0, 0, 0, protocol)
		src, _ = netip.AddrFromSlice(a16[:16])
		dst, _ = netip.AddrFromSlice(a16[16:])
		want = slowSum(b)
		if got := PseudoHeader(src.WithZone("eth0"), dst, protocol, length); got != want {
			t.Fatalf("PseudoHeader(%v, %v, %d, %d) = %#04x, want %#04x", src, dst, protocol, length, got, want)
		}
		if got := PseudoHeaderBytes(a16, protocol, length); got != want {
			t.Fatalf("PseudoHeaderBytes(%x, %d, %d) = %#04x, want %#04x", a16, protocol, length, got, want)
		}
	}
}

func TestVerifyWithPseudoHeader(t *testing.T) {
	src, dst := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	b := []byte{0x12, 0x34, 0, 0, 0x56}
	sum := PseudoHeader(src, dst, 17, len(b))
	binary.BigEndian.PutUint16(b[2:], ^Combine(sum, Sum(b)))
	if !VerifyWith(sum, b) {
		t.Error("an intact message does not verify")
	}
	b[4]++
	if VerifyWith(sum, b) {
		t.Error("a changed message verifies")
	}
}

func TestNothingAllocates(t *testing.T) {
	b := make([]byte, 1500)
	src, dst := netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("fe80::2")
	var sink uint16
	if n := testing.AllocsPerRun(100, func() {
		var r Running
		r.AddSum(PseudoHeader(src, dst, 58, len(b)))
		r.Add(b)
		sink = Update32(Update16(r.Checksum(), 1, 2), 3, 4)
		sink += PseudoHeaderBytes(b[8:40], 58, 3)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	_ = sink
}

func FuzzSum(f *testing.F) {
	f.Add([]byte{}, 0)                                   // nothing
	f.Add([]byte{0xff}, 1)                               // odd, split behind the only byte
	f.Add(bytes.Repeat([]byte{0xff}, 73), 9)             // a carry in every addition, odd split
	f.Add(append(make([]byte, 64), 0, 0, 0, 1, 2, 3), 2) // a block of 64 and a tail of 6
	f.Fuzz(func(t *testing.T, b []byte, split int) {
		want := slowSum(b)
		if got := Sum(b); got != want {
			t.Fatalf("Sum = %#04x, want %#04x", got, want)
		}
		if split < 0 || split > len(b) {
			return
		}
		if got := CombineAt(Sum(b[:split]), Sum(b[split:]), split); got != want {
			t.Fatalf("CombineAt(%d) = %#04x, want %#04x", split, got, want)
		}
	})
}

func BenchmarkSum(b *testing.B) {
	for _, n := range []int{20, 60, 1500, 9000} {
		b.Run(fmt.Sprintf("%dB", n), func(b *testing.B) {
			data := random(rand.New(rand.NewPCG(1, 1)), n)
			b.SetBytes(int64(n))
			var s uint16
			for b.Loop() {
				s += Sum(data)
			}
		})
	}
}

func BenchmarkSlowSum(b *testing.B) {
	data := random(rand.New(rand.NewPCG(1, 1)), 1500)
	b.SetBytes(1500)
	for b.Loop() {
		slowSum(data)
	}
}

func BenchmarkPseudoHeader(b *testing.B) {
	src, dst := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for b.Loop() {
		PseudoHeader(src, dst, 17, 1000)
	}
}
