// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestReceivedMessagesAreFilledInAnew has messages received without control
// messages first, which the kernel says by sizes of 0, and then with.
func TestReceivedMessagesAreFilledInAnew(t *testing.T) {
	in, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := net.DialUDP("udp4", nil, in.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	raw, err := in.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const room = 4
	m := NewMessages(room, 64)
	var buf [room][16]byte
	for i := range buf {
		m.Data(i, buf[i][:])
	}
	receive := func(want, limit int, control bool) {
		t.Helper()
		for range want {
			if _, err := out.Write([]byte("eight or")); err != nil {
				t.Fatal(err)
			}
		}
		end := time.Now().Add(10 * time.Second)
		for got := 0; got < want && time.Now().Before(end); {
			raw.Control(func(fd uintptr) {
				n, errno := m.Receive(int(fd), limit)
				if errno != 0 && errno != unix.EAGAIN {
					t.Fatal(errno)
				}
				for i := range n {
					if h := &m.Hdr[i]; h.Len != 8 || h.Hdr.Namelen != unix.SizeofSockaddrInet4 {
						t.Errorf("message %d has %d bytes from an address of %d", i, h.Len, h.Hdr.Namelen)
					} else if has := h.Hdr.Controllen > 0; has != control {
						t.Errorf("message %d has %d bytes of control messages", i, h.Hdr.Controllen)
					}
				}
				if got += n; n > limit {
					t.Errorf("%d messages, want %d at most", n, limit)
				}
			})
		}
	}
	with := func(on int) {
		t.Helper()
		raw.Control(func(fd uintptr) {
			if err := unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_PKTINFO, on); err != nil {
				t.Fatal(err)
			}
		})
	}
	for range 3 {
		with(0)
		receive(1, room, false)
		receive(room, 2, false) // by two calls
		receive(room, room, false)
		with(1)
		receive(1, room, true)
		receive(room, room, true)
	}
}

// TestOneCallSendsWhatIsSoonSent: the runtime is not told of it.
func TestOneCallSendsWhatIsSoonSent(t *testing.T) {
	for _, c := range []struct {
		packets, bytes int
		want           []int // messages of each call
	}{
		{0, 0, nil},
		{1, 65_535, []int{1}},
		{3, 65_535, []int{1, 1, 1}},
		{64, 60, []int{64}},
		{64, 1500, []int{64}},
		{150, 60, []int{64, 64, 22}},
		{64, 9000, []int{11, 11, 11, 11, 11, 9}},
	} {
		m := NewMessages(c.packets, 0)
		buf := make([]byte, c.bytes)
		for i := range m.Hdr {
			m.Data(i, buf)
		}
		var got []int
		for left := m.Hdr; len(left) > 0; {
			n := len(atOnce(left))
			got, left = append(got, n), left[n:]
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%d packets of %d bytes: %v, want %v", c.packets, c.bytes, got, c.want)
		}
	}
}
