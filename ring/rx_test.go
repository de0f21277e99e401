// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Ten laps and more, with blocks of every fullness: each frame comes once and in
// order, and each block goes back.
func TestEveryFrameComesOnceAndInOrder(t *testing.T) {
	t.Run("V3", func(t *testing.T) {
		k, c := newFakeV3(4096, 4)
		rng := rand.New(rand.NewPCG(1, 2))
		var sent, got []string
		for i := 0; len(sent) < 500; i++ {
			var payloads []string
			for range rng.IntN(8) {
				payloads = append(payloads, fmt.Sprintf("%d-%d", i, len(payloads)))
			}
			if !k.block(StatusUser, payloads...) {
				t.Fatalf("block %d did not come back", i)
			}
			sent = append(sent, payloads...)
			if rng.IntN(3) == 0 || i%4 == 3 {
				got = append(got, take(c)...)
			}
		}
		got = append(got, take(c)...)
		if !slices.Equal(got, sent) {
			t.Errorf("got %d frames of %d: %q", len(got), len(sent), got)
		}
		if c.skipped.Load() != 0 || c.corrupt.Load() != 0 {
			t.Errorf("%d skipped, %d corrupt", c.skipped.Load(), c.corrupt.Load())
		}
	})
	t.Run("V2", func(t *testing.T) {
		k, c := newFakeV2(4096, 2, 1024)
		var sent, got []string
		for i := range 100 {
			p := fmt.Sprint(i)
			if !k.put(StatusUser, p) {
				t.Fatalf("frame %d did not come back", i)
			}
			sent = append(sent, p)
			if i%7 == 6 {
				got = append(got, take(c)...)
			}
		}
		if got = append(got, take(c)...); !slices.Equal(got, sent) {
			t.Errorf("got %q", got)
		}
	})
}

func TestABlockGoesBackWithItsLastFrameOnly(t *testing.T) {
	k, c := newFakeV3(4096, 2)
	k.block(StatusUser|StatusBlockTimeout, "one", "two")
	var f Frame
	for i := range 2 {
		if !f.set(c.next()) {
			t.Fatal("no frame")
		}
		if s := acquire(k.mem, blockStatus); s != StatusUser|StatusBlockTimeout {
			t.Fatalf("after frame %d: block status %#x while it is being read", i, s)
		}
	}
	if f.set(c.next()) {
		t.Fatalf("a frame %q of nothing", f.Network())
	}
	// Any other value stalls the ring.
	if s := acquire(k.mem, blockStatus); s != 0 {
		t.Errorf("block status %#x after it was read, want 0", s)
	}
	if c.timedOut.Load() != 1 || c.handed.Load() != 1 {
		t.Errorf("%d timed out of %d", c.timedOut.Load(), c.handed.Load())
	}
}

// The kernel hands over a block without packets when a packet did not fit into
// it.
func TestBlocksWithoutPacketsArePassedOver(t *testing.T) {
	k, c := newFakeV3(4096, 4)
	k.block(StatusUser)
	k.block(StatusUser)
	k.block(StatusUser, "behind")
	if got := take(c); !slices.Equal(got, []string{"behind"}) {
		t.Errorf("got %q", got)
	}
	for range 3 { // a whole lap and more of nothing
		k.block(StatusUser)
	}
	if got := take(c); got != nil {
		t.Errorf("got %q", got)
	}
	if !k.block(StatusUser, "again") || !slices.Equal(take(c), []string{"again"}) {
		t.Error("the ring has stalled")
	}
}

func TestWhatAFrameTells(t *testing.T) {
	k3, _ := newFakeV3(4096, 1)
	k3.block(StatusUser, "ip")
	k2, _ := newFakeV2(4096, 1, 2048)
	k2.put(StatusUser, "ip")
	for _, r := range []struct {
		name    string
		mem     []byte
		base    int // of the frame's header
		v2      bool
		nsec    int64
		tci     int
		tpid    int
		status  int
		wireLen int
	}{
		{"V3", k3.mem, blockSize, false, 0, v3TCI, v3TPID, v3Status, v3Len},
		{"V2", k2.mem, 0, true, 7, v2TCI, v2TPID, v2Status, v2Len},
	} {
		t.Run(r.name, func(t *testing.T) {
			read := func() (f Frame) {
				var c cursor
				c.init(r.mem, r.v2, 4096, 1, 2048)
				if !f.set(c.next()) {
					t.Fatal("no frame")
				}
				return f
			}
			f := read()
			if len(f.Data) != fakeLink+2 || string(f.Network()) != "ip" || f.LinkLen() != fakeLink {
				t.Errorf("data of %d bytes, network %q", len(f.Data), f.Network())
			}
			if f.Len() != len(f.Data) || f.Truncated() {
				t.Errorf("length %d, truncated %v", f.Len(), f.Truncated())
			}
			if got := f.UnixNano(); got != 1_700_000_000e9+r.nsec {
				t.Errorf("time %d", got)
			}
			if f.PacketType() != 4 || f.IfIndex() != 5 || f.Protocol() != 0x0800 || f.HardwareType() != 1 || string(f.Source()) != "\x02\x00\x00\x00\x00\x09" {
				t.Errorf("address: type %d, interface %d, protocol %#x, hardware %d, %x", f.PacketType(), f.IfIndex(), f.Protocol(), f.HardwareType(), f.Source())
			}
			if _, _, ok := f.VLAN(); ok {
				t.Error("a VLAN tag where there was none")
			}
			h := r.mem[r.base:]
			for _, v := range []struct {
				status         uint32
				tci, tpid      uint16
				wantID, wantPI uint16
			}{
				{StatusVLANValid | StatusVLANTPIDValid, 5, 0x88a8, 5, 0x88a8},
				{StatusVLANValid, 5, 0, 5, 0x8100},
				{StatusVLANValid | StatusVLANTPIDValid, 0, 0x8100, 0, 0x8100},
			} {
				binary.NativeEndian.PutUint32(h[r.status:], StatusUser|v.status)
				if r.v2 {
					binary.NativeEndian.PutUint16(h[r.tci:], v.tci)
				} else { // tp_vlan_tci of struct tpacket_hdr_variant1 is a __u32
					binary.NativeEndian.PutUint32(h[r.tci:], uint32(v.tci))
				}
				binary.NativeEndian.PutUint16(h[r.tpid:], v.tpid)
				f = read()
				if tci, tpid, ok := f.VLAN(); !ok || tci != v.wantID || tpid != v.wantPI {
					t.Errorf("VLAN %d %#x %v, want %d %#x", tci, tpid, ok, v.wantID, v.wantPI)
				}
			}
			binary.NativeEndian.PutUint32(h[r.wireLen:], 1000)
			f = read()
			if !f.Truncated() || f.Len() != 1000 {
				t.Error("a frame longer than its data is not truncated")
			}
		})
	}
}

func TestAJumpInTheNumberingIsCounted(t *testing.T) {
	k, c := newFakeV3(4096, 4)
	k.block(StatusUser, "a")
	k.seq += 3
	k.block(StatusUser, "b")
	k.block(StatusUser, "c")
	if got := take(c); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("got %q", got)
	}
	if c.skipped.Load() != 1 {
		t.Errorf("%d jumps, want 1", c.skipped.Load())
	}
}

// What one frame's header says does not cost the blocks behind it.
func TestReadingGoesOnBehindABrokenBlock(t *testing.T) {
	for _, word := range []int{v3Next, v3Snaplen, v3Mac} {
		k, c := newFakeV3(4096, 4)
		k.block(StatusUser, "a", "b")
		k.block(StatusUser, "c")
		binary.NativeEndian.PutUint32(k.mem[blockSize+word:], 0xffffffff)
		got := take(c)
		if len(got) == 0 || got[len(got)-1] != "c" {
			t.Errorf("word %d: got %q", word, got)
		}
		if n := int(c.corrupt.Load()); n != 3-len(got) {
			t.Errorf("word %d: %d frames came of 3, %d counted", word, len(got), n)
		}
		if !k.block(StatusUser, "d") || !k.block(StatusUser, "e") || !k.block(StatusUser, "f") {
			t.Errorf("word %d: a block did not come back", word)
		}
	}
}

// Frames may be cut off before the network header, and have no link header.
func TestAPacketIsWhatFollowsTheLinkHeader(t *testing.T) {
	for _, c := range []struct {
		snap, mac, net int
		network        string
		link           int
	}{
		{fakeLink + 6, 82, 96, "packet", 14}, {fakeLink + 6, 96, 96, "packet" + string(make([]byte, 14)), 0},
		{fakeLink, 82, 96, "", 14}, {5, 82, 96, "", 5}, {0, 82, 96, "", 0}, {0, 82, 82, "", 0},
	} {
		k3, c3 := newFakeV3(4096, 1)
		k3.block(StatusUser, "packet")
		k2, c2 := newFakeV2(4096, 1, 2048)
		k2.put(StatusUser, "packet")
		for _, r := range []struct {
			*cursor
			h                  []byte
			snap, at, net, off int
		}{{c3, k3.mem[blockSize:], v3Snaplen, v3Mac, v3Net, 0}, {c2, k2.mem, v2Snaplen, v2Mac, v2Net, -16}} {
			binary.NativeEndian.PutUint32(r.h[r.snap:], uint32(c.snap))
			binary.NativeEndian.PutUint16(r.h[r.at:], uint16(c.mac+r.off))
			binary.NativeEndian.PutUint16(r.h[r.net:], uint16(c.net+r.off))
			h, network, link := r.next()
			if h == nil || string(network) != c.network || cap(network) != len(network) || link != c.link {
				t.Errorf("%+v, V2 %v: %v, %q with a capacity of %d, link header of %d bytes", c, r.v2, h != nil, network, cap(network), link)
				continue
			}
			var f Frame
			if !f.set(h, network, link) || len(f.Data) != c.snap || string(f.Network()) != c.network || f.LinkLen() != link {
				t.Errorf("%+v, V2 %v: a frame of %d bytes, network %q", c, r.v2, len(f.Data), f.Network())
			}
		}
	}
}

func TestNextDoesNotAllocate(t *testing.T) {
	k, c := newFakeV3(1<<16, 4)
	payloads := make([]string, 100)
	for i := range payloads {
		payloads[i] = "payload"
	}
	n := 0
	allocs := testing.AllocsPerRun(100, func() {
		k.block(StatusUser, payloads...)
		var f Frame
		for f.set(c.next()) {
			n++
		}
	})
	if allocs != 0 || n == 0 {
		t.Errorf("%v allocations for %d frames", allocs, n)
	}
}
