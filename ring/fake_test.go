// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import "encoding/binary"

// A fakeKernel writes into a ring as the kernel does.
type fakeKernel struct {
	mem          []byte
	v2           bool
	size, blocks int
	frame        int
	at           int
	seq          uint64
	mac, net     int
}

const fakeLink = 14

func newFakeV3(size, blocks int) (*fakeKernel, *cursor) {
	k := &fakeKernel{mem: aligned(size * blocks), size: size, blocks: blocks, seq: 1, mac: 82, net: 96}
	c := new(cursor)
	c.init(k.mem, false, size, blocks, size)
	return k, c
}

func newFakeV2(size, blocks, frame int) (*fakeKernel, *cursor) {
	k := &fakeKernel{mem: aligned(size * blocks), v2: true, size: size, blocks: blocks, frame: frame, mac: 66, net: 80}
	c := new(cursor)
	c.init(k.mem, true, size, blocks, frame)
	return k, c
}

// aligned returns memory that starts at a multiple of 8, as a page does.
func aligned(n int) []byte {
	words := make([]uint64, (n+7)/8)
	return bytesOf(words)[:n]
}

// block hands over a block with these frames, each with a link header and a
// payload. It fails if the reader still has it.
func (k *fakeKernel) block(status uint32, payloads ...string) bool {
	b := k.mem[k.at*k.size:][:k.size]
	if acquire(b, blockStatus) != 0 {
		return false
	}
	u32 := binary.NativeEndian.PutUint32
	off := blockSize
	u32(b[blockNum:], uint32(len(payloads)))
	u32(b[blockFirst:], uint32(off))
	binary.NativeEndian.PutUint64(b[blockSeq:], k.seq)
	for i, p := range payloads {
		n := fakeLink + len(p)
		next := (k.mac + n + alignment - 1) &^ (alignment - 1)
		h := b[off:]
		u32(h[v3Next:], uint32(next))
		if i == len(payloads)-1 {
			u32(h[v3Next:], 0)
		}
		u32(h[v3Sec:], 1_700_000_000)
		u32(h[v3Nsec:], uint32(i))
		u32(h[v3Snaplen:], uint32(n))
		u32(h[v3Len:], uint32(n))
		u32(h[v3Status:], StatusUser)
		binary.NativeEndian.PutUint16(h[v3Mac:], uint16(k.mac))
		binary.NativeEndian.PutUint16(h[v3Net:], uint16(k.net))
		k.address(h[v3Size:])
		copy(h[k.net:], p)
		off += next
	}
	u32(b[blockLen:], uint32(off))
	release(b, blockStatus, status)
	k.seq++
	k.at = (k.at + 1) % k.blocks
	return true
}

// put hands over a V2 frame.
func (k *fakeKernel) put(status uint32, payload string) bool {
	per := k.size / k.frame
	b := k.mem[k.at/per*k.size+k.at%per*k.frame:][:k.frame]
	if acquire(b, v2Status) != 0 {
		return false
	}
	u32 := binary.NativeEndian.PutUint32
	n := fakeLink + len(payload)
	u32(b[v2Len:], uint32(n))
	u32(b[v2Snaplen:], uint32(n))
	binary.NativeEndian.PutUint16(b[v2Mac:], uint16(k.mac))
	binary.NativeEndian.PutUint16(b[v2Net:], uint16(k.net))
	u32(b[v2Sec:], 1_700_000_000)
	u32(b[v2Nsec:], 7)
	k.address(b[v2Size:])
	copy(b[k.net:], payload)
	release(b, v2Status, status)
	k.at = (k.at + 1) % (per * k.blocks)
	return true
}

func (k *fakeKernel) address(ll []byte) {
	binary.BigEndian.PutUint16(ll[llProtocol:], 0x0800)
	binary.NativeEndian.PutUint32(ll[llIfindex:], 5)
	binary.NativeEndian.PutUint16(ll[llHatype:], 1)
	ll[llPkttype], ll[llHalen] = 4, 6
	copy(ll[llAddr:], "\x02\x00\x00\x00\x00\x09")
}

// take returns the payloads of all frames that are there.
func take(c *cursor) (payloads []string) {
	var f Frame
	for f.set(c.next()) {
		payloads = append(payloads, string(f.Network()))
	}
	return payloads
}
