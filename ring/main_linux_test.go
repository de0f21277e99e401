// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport/netlab"
	"protean/transport/transporttest"
)

func TestMain(m *testing.M) {
	if program := beside[os.Getenv(besideEnv)]; program != nil {
		program()
		os.Exit(1)
	}
	os.Exit(netlab.Main(transporttest.Checked(m)))
}

// experimental is the EtherType for local experiments (IEEE Std 802, table 4),
// which nobody but these tests handles.
const experimental = 0x88b5

// soon is how long a test waits for what must come.
const soon = 10 * time.Second

// A pair is two hosts on a wire; a sends frames to b.
type pair struct {
	t    testing.TB
	a, b *netlab.Node
	fd   int // of a, sends
	to   unix.SockaddrLinklayer
	head [14]byte
}

func newPair(t testing.TB, mtu int) *pair {
	lab := netlab.Test(t, netlab.Pair().WithMTU(mtu))
	p := &pair{t: t, a: lab.Node("a"), b: lab.Node("b")}
	from, to := p.a.Interfaces()[0], p.b.Interfaces()[0]
	p.to = unix.SockaddrLinklayer{Ifindex: from.Index, Halen: 6}
	copy(p.to.Addr[:], to.HardwareAddr)
	copy(p.head[:], to.HardwareAddr)
	copy(p.head[6:], from.HardwareAddr)
	binary.BigEndian.PutUint16(p.head[12:], experimental)
	p.fd = p.socket(p.a, unix.SOCK_RAW)
	return p
}

// socket opens a packet socket that receives nothing yet.
func (p *pair) socket(n *netlab.Node, kind int) (fd int) {
	p.t.Helper()
	err := n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	})
	if err != nil {
		p.t.Fatal("socket:", err)
	}
	p.t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// bind makes a socket of b receive from its interface.
func (p *pair) bind(fd, protocol int) {
	p.t.Helper()
	p.bindTo(fd, protocol, p.b)
}

func (p *pair) bindTo(fd, protocol int, n *netlab.Node) {
	p.t.Helper()
	at := &unix.SockaddrLinklayer{Protocol: swap(uint16(protocol)), Ifindex: n.Interfaces()[0].Index}
	if err := unix.Bind(fd, at); err != nil {
		p.t.Fatal("bind:", err)
	}
}

// swap returns v as bind wants it: in network byte order.
func swap(v uint16) uint16 { return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v)) }

// open returns a ring of a bound socket of b, which receives the experimental
// EtherType.
func (p *pair) open(cfg *RxConfig, options ...func(fd int)) *Rx {
	p.t.Helper()
	return p.openKind(unix.SOCK_RAW, experimental, cfg, options...)
}

func (p *pair) openKind(kind, protocol int, cfg *RxConfig, options ...func(fd int)) *Rx {
	p.t.Helper()
	fd := p.socket(p.b, kind)
	for _, o := range options {
		o(fd)
	}
	r, err := NewRx(fd, cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			p.t.Error("Close:", err)
		}
	})
	p.bind(fd, protocol)
	return r
}

// frame returns a frame with a payload of n bytes that starts with a number and
// goes on with what follows from it.
func (p *pair) frame(number, n int) []byte { return appendFrame(nil, p.head[:], number, n) }

func appendFrame(b, head []byte, number, n int) []byte {
	b = append(b, head...)
	at := len(b)
	b = append(b, pattern[number&255:][:n]...)
	if n >= 4 {
		binary.BigEndian.PutUint32(b[at:], uint32(number))
	}
	return b
}

// pattern is what payloads are cut from.
var pattern = func() (b [256 + 1<<16]byte) {
	for i := range b {
		b[i] = byte(i)
	}
	return b
}()

// check returns the number in a payload, and whether the rest follows from it.
func check(payload []byte) (number int, ok bool) {
	if len(payload) < 4 {
		return 0, false
	}
	number = int(binary.BigEndian.Uint32(payload))
	return number, bytes.Equal(payload[4:], pattern[number&255:][4:len(payload)])
}

func (p *pair) send(frames ...[]byte) {
	p.t.Helper()
	for _, f := range frames {
		if err := p.trySend(f); err != nil {
			p.t.Fatal("sendto:", err)
		}
	}
}

func (p *pair) trySend(frame []byte) error {
	for {
		err := unix.Sendto(p.fd, frame, 0, &p.to)
		if err != unix.ENOBUFS && err != unix.EAGAIN && err != unix.EINTR {
			return err
		}
	}
}

// numbered sends n frames with payloads of size bytes, numbered from first on.
func (p *pair) numbered(first, n, size int) {
	p.t.Helper()
	for i := range n {
		p.send(p.frame(first+i, size))
	}
}

// read calls f for each frame until f returns false, or until nothing has come
// for the given time.
func read(t testing.TB, r *Rx, idle time.Duration, f func(*Frame) bool) {
	t.Helper()
	var fr Frame
	for {
		if err := r.Enter(); err != nil {
			t.Fatal("Enter:", err)
		}
		any := false
		for r.Next(&fr) {
			if any = true; !f(&fr) {
				r.Leave()
				return
			}
		}
		r.Leave()
		if any {
			continue
		}
		until := time.Now().Add(idle)
		if err := r.Wait(until); err != nil {
			t.Fatal("Wait:", err)
		}
		if !r.Ready() && !time.Now().Before(until) {
			return
		}
	}
}

// numbers reads until want frames are there, or until nothing has come for long.
func numbers(t testing.TB, r *Rx, want int) (all []int) {
	t.Helper()
	read(t, r, soon, func(f *Frame) bool {
		n, ok := check(f.Network())
		if !ok {
			t.Errorf("frame %d has a payload of other bytes", n)
		}
		all = append(all, n)
		return len(all) < want
	})
	return all
}

// first reads one frame and calls f with it.
func first(t testing.TB, r *Rx, f func(*Frame)) {
	t.Helper()
	n := 0
	read(t, r, soon, func(fr *Frame) bool {
		n++
		f(fr)
		return false
	})
	if n == 0 {
		t.Fatal("no frame came")
	}
}

func stats(t testing.TB, r *Rx) Stats {
	t.Helper()
	s, err := r.Stats()
	if err != nil {
		t.Fatal("Stats:", err)
	}
	return s
}
