// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package worker

import (
	"encoding/binary"
	"net"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A floor is the shortest walk of a TPACKET_V3 ring that we know how to write in
// Go, with the handler of the walk in C: what the language allows. It believes
// the ring's memory, and is no product.
type floor struct {
	f     *os.File // waits in the runtime's poller, which costs less than poll(2)
	mem   []byte
	block int
	*Counter
}

// What is read of struct tpacket_block_desc and struct tpacket3_hdr of
// <linux/if_packet.h>.
type blockDesc struct {
	version, offsetToPriv           uint32
	status, packets, first, blkLen  uint32
	sequence                        uint64
	firstSec, firstNs, lastSec, lNs uint32
}

type packetHdr struct {
	next, sec, nsec, snaplen, len, status uint32
	mac, net                              uint16
}

func openFloor(o *Options) (Session, error) {
	ifi, err := net.InterfaceByName(o.Interface)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return nil, err
	}
	if err := attachFilter(fd); err != nil {
		return nil, err
	}
	req := unix.TpacketReq3{
		Block_size: uint32(o.Block), Block_nr: uint32(o.Blocks), Frame_size: 2048,
		Frame_nr: uint32(o.Block / 2048 * o.Blocks), Retire_blk_tov: uint32(o.Timeout),
	}
	if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, err
	}
	mem, err := unix.Mmap(fd, 0, o.Block*o.Blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return &floor{f: os.NewFile(uintptr(fd), "packet"), mem: mem, block: o.Block, Counter: NewCounter()},
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: 0x0008, Ifindex: ifi.Index})
}

func (r *floor) Run() error {
	c, err := r.f.SyscallConn()
	if err != nil {
		return err
	}
	handle := r.Handle
	var b *blockDesc
	ready := func(uintptr) bool { return atomic.LoadUint32(&b.status)&unix.TP_STATUS_USER != 0 }
	for at := 0; ; {
		b = (*blockDesc)(unsafe.Pointer(&r.mem[at]))
		if !ready(0) {
			if err := c.Read(ready); err != nil {
				return err
			}
		}
		h := unsafe.Add(unsafe.Pointer(b), b.first)
		for n := b.packets; n > 0; n-- {
			f := (*packetHdr)(h)
			size := int(f.snaplen) - int(f.net-f.mac)
			if size >= 20 {
				p := unsafe.Slice((*byte)(unsafe.Add(h, f.net)), size)
				hl, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
				if p[0]>>4 == 4 && p[9] == Protocol && hl >= 20 && total >= hl && total <= size {
					handle(p[hl:total])
				}
			}
			h = unsafe.Add(h, f.next)
		}
		atomic.StoreUint32(&b.status, unix.TP_STATUS_KERNEL)
		if at += r.block; at == len(r.mem) {
			at = 0
		}
	}
}

func (r *floor) Close()                          { r.f.Close() }
func (r *floor) Counted() (packets, lost uint64) { return r.Packets, 0 }
