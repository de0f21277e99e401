// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"net"
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
