// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"encoding/binary"
	"io"
	"net"
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Tags survive where all protocols are received, a tag of all zeros as well.
func TestVLANTagsAreKept(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.openKind(unix.SOCK_RAW, unix.ETH_P_ALL, cfg)
		for number, tag := range []struct{ tpid, tci uint16 }{
			{0x8100, 0}, {0x8100, 5}, {0x8100, 7<<13 | 5}, {0x88a8, 9}, {0, 0},
		} {
			head := p.head[:12:12]
			if tag.tpid != 0 {
				head = binary.BigEndian.AppendUint16(head, tag.tpid)
				head = binary.BigEndian.AppendUint16(head, tag.tci)
			}
			head = binary.BigEndian.AppendUint16(head, experimental)
			p.send(appendFrame(nil, head, number, 46))
			found := false
			read(t, r, soon, func(f *Frame) bool {
				if f.Protocol() != experimental {
					return true // the kernel's own
				}
				found = true
				tci, tpid, ok := f.VLAN()
				if ok != (tag.tpid != 0) || tci != tag.tci || tpid != tag.tpid {
					t.Errorf("sent tag %#x %#x, got %#x %#x, %v", tag.tpid, tag.tci, tpid, tci, ok)
				}
				if n, whole := check(f.Network()); n != number || !whole {
					t.Errorf("tag %#x: payload of frame %d, whole %v", tag.tpid, n, whole)
				}
				if f.PacketType() != unix.PACKET_HOST {
					t.Errorf("tag %#x: packet type %d", tag.tpid, f.PacketType())
				}
				return false
			})
			if !found {
				t.Errorf("tag %#x %#x: no frame", tag.tpid, tag.tci)
			}
		}
	})
}

func TestTheSendersAddressComesWithAFrame(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond, Reserve: 64}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.open(cfg)
		p.numbered(1, 1, 46)
		other := p.frame(2, 46)
		other[5] ^= 0xff // to somebody else
		p.send(other)
		all := p.frame(3, 46)
		copy(all, "\xff\xff\xff\xff\xff\xff")
		p.send(all)
		for i, kind := range []uint8{unix.PACKET_HOST, unix.PACKET_OTHERHOST, unix.PACKET_BROADCAST} {
			first(t, r, func(f *Frame) {
				if n, ok := check(f.Network()); n != i+1 || !ok {
					t.Errorf("frame %d, whole %v", n, ok)
				}
				if f.PacketType() != kind {
					t.Errorf("frame %d: packet type %d, want %d", i+1, f.PacketType(), kind)
				}
				if string(f.Source()) != string(p.head[6:12]) || f.IfIndex() != int32(p.b.Interfaces()[0].Index) ||
					f.HardwareType() != unix.ARPHRD_ETHER || f.Protocol() != experimental || f.LinkLen() != 14 {
					t.Errorf("from %x, interface %d, hardware %d, protocol %#x, link header of %d bytes",
						f.Source(), f.IfIndex(), f.HardwareType(), f.Protocol(), f.LinkLen())
				}
			})
		}
	})
}

// A cooked socket's frames start at the network header.
func TestCookedFramesHaveNoLinkHeader(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.openKind(unix.SOCK_DGRAM, experimental, cfg)
		p.numbered(7, 1, 100)
		first(t, r, func(f *Frame) {
			if n, ok := check(f.Data); n != 7 || !ok || len(f.Data) != 100 || f.LinkLen() != 0 || f.Len() != 100 {
				t.Errorf("%d bytes, link header of %d, frame %d, whole %v", f.Len(), f.LinkLen(), n, ok)
			}
		})
	})
}

func TestTheHashComesWhenAskedFor(t *testing.T) {
	p := newPair(t, 1500)
	for _, want := range []bool{true, false} {
		r := p.openKind(unix.SOCK_RAW, unix.ETH_P_IP, &RxConfig{Retire: time.Millisecond, Hash: want})
		ip := append(p.frame(0, 0), 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 77, 1, 1, 10, 77, 1, 2, 0, 9, 0, 9, 0, 8, 0, 0)
		binary.BigEndian.PutUint16(ip[12:], unix.ETH_P_IP)
		p.send(ip)
		first(t, r, func(f *Frame) {
			if (f.Hash() != 0) != want {
				t.Errorf("asked for a hash: %v, hash %#x", want, f.Hash())
			}
		})
	}
}

// A stamp is from when the frame came if any socket of the machine has asked for
// that, and from when it was put into the ring otherwise. The status tells.
func TestStampsSayWhoseTheyAre(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.open(cfg, func(fd int) {
			if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPING, unix.SOF_TIMESTAMPING_RX_SOFTWARE); err != nil {
				t.Fatal(err)
			}
		})
		// The kernel begins to stamp a little later than it says.
		for end := time.Now().Add(soon); ; {
			before := time.Now().UnixNano()
			p.numbered(1, 1, 46)
			var status uint32
			first(t, r, func(f *Frame) {
				status = f.Status()
				if at := f.UnixNano(); at < before || at > time.Now().UnixNano() {
					t.Errorf("stamp %d, sent at %d", at, before)
				}
			})
			if status&StatusTSRawHardware != 0 {
				t.Fatalf("a veth has no clock, but status is %#x", status)
			}
			if status&StatusTSSoftware != 0 {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("status %#x for long", status)
			}
		}
	})
}

// ethtool sets a value of an offload of a's interface (ETHTOOL_STXCSUM and
// its like in <linux/ethtool.h>).
func (p *pair) ethtool(cmd, value uint32) {
	p.t.Helper()
	arg := [2]uint32{cmd, value}
	var req struct {
		name [16]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(req.name[:], p.a.Interfaces()[0].Name)
	req.data = unsafe.Pointer(&arg)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(p.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); errno != 0 {
		p.t.Fatal("SIOCETHTOOL:", errno)
	}
}

// A veth leaves checksums to nobody. Frames say so, and stop to when the offload
// is off.
func TestChecksumStateShows(t *testing.T) {
	both(t, RxConfig{Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		udp := func() *net.UDPConn {
			var c *net.UDPConn
			err := p.a.Do(func() (err error) {
				c, err = net.DialUDP("udp4", nil, &net.UDPAddr{IP: p.b.Addr4().AsSlice(), Port: 9})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			return c
		}
		for _, offload := range []uint32{1, 0} {
			p.ethtool(unix.ETHTOOL_STXCSUM, offload)
			r := p.openKind(unix.SOCK_RAW, unix.ETH_P_IP, cfg)
			if _, err := udp().Write(make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			read(t, r, soon, func(f *Frame) bool {
				if n := f.Network(); len(n) < 20 || n[9] != 17 {
					return true
				}
				if got := f.Status()&StatusCsumNotReady != 0; got != (offload == 1) {
					t.Errorf("offload %d: status %#x", offload, f.Status())
				}
				return false
			})
		}
	})
}

// A TCP segment that was not cut yet is larger than the MTU.
func TestSuperframesComeWhole(t *testing.T) {
	both(t, RxConfig{BlockSize: 1 << 20, Blocks: 4, FrameSize: 1 << 17, Retire: time.Millisecond}, func(t *testing.T, cfg *RxConfig) {
		p := newPair(t, 1500)
		r := p.openKind(unix.SOCK_RAW, unix.ETH_P_IP, cfg)
		var l net.Listener
		if err := p.b.Do(func() (err error) { l, err = net.Listen("tcp4", p.b.Addr4().String()+":0"); return err }); err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			if c, err := l.Accept(); err == nil {
				io.Copy(io.Discard, c)
				c.Close()
			}
		}()
		var c net.Conn
		if err := p.a.Do(func() (err error) { c, err = net.Dial("tcp4", l.Addr().String()); return err }); err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(soon))
		if _, err := c.Write(make([]byte, 4<<20)); err != nil && !os.IsTimeout(err) {
			t.Fatal(err)
		}
		longest := 0
		read(t, r, 20*time.Millisecond, func(f *Frame) bool {
			if f.Truncated() || int(binary.BigEndian.Uint16(f.Network()[2:])) != len(f.Network()) {
				t.Errorf("%d bytes of %d, IP length %d", len(f.Data), f.Len(), binary.BigEndian.Uint16(f.Network()[2:]))
			}
			if f.Len() > longest {
				longest = f.Len()
				if longest > 1514 && f.Status()&StatusGSOTCP == 0 {
					t.Errorf("a frame of %d bytes with status %#x", f.Len(), f.Status())
				}
			}
			return true
		})
		if longest <= 1514 {
			t.Errorf("the longest frame had %d bytes", longest)
		}
	})
}
