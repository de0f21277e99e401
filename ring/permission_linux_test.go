// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// without runs f on a thread of its own that then ends, after prepare has taken
// something away from it.
func without(t *testing.T, prepare func() error, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		err := prepare()
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Without CAP_NET_RAW nobody gets a packet socket. Who has one may give it a
// ring.
func TestTheCapabilityIsForTheSocketAndNotForTheRing(t *testing.T) {
	p := newPair(t, 1500)
	rx, tx := p.socket(p.b, unix.SOCK_RAW), p.socket(p.a, unix.SOCK_RAW)
	dropCapabilities := func() error {
		head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		return unix.Capset(&head, &none[0])
	}
	without(t, dropCapabilities, func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if !errors.Is(err, os.ErrPermission) {
			t.Errorf("a packet socket without a capability: %v", err)
			unix.Close(fd)
		}
		r, err := NewRx(rx, &RxConfig{Blocks: 2})
		if err != nil {
			t.Errorf("a receive ring: %v", err)
			return
		}
		defer r.Close()
		p.bind(rx, experimental)
		p.numbered(5, 1, 100)
		if got := numbers(t, r, 1); len(got) != 1 || got[0] != 5 {
			t.Errorf("received %v", got)
		}
		s, err := NewTx(tx, nil)
		if err != nil {
			t.Errorf("a transmit ring: %v", err)
			return
		}
		s.Close()
	})
}

// A sandbox may forbid the options of packet sockets, as seccomp(2) does here.
func TestAnOptionThatIsForbiddenIsNamed(t *testing.T) {
	if runtime.GOARCH == "386" || runtime.GOARCH == "s390x" {
		return // options are set by socketcall(2), whose arguments are in memory, out of the reach of filters
	}
	p := newPair(t, 1500)
	fd := p.socket(p.b, unix.SOCK_RAW)
	for _, c := range []struct {
		option string
		value  uint32
	}{{"PACKET_VERSION", unix.PACKET_VERSION}, {"PACKET_RESERVE", unix.PACKET_RESERVE}, {"PACKET_RX_RING", unix.PACKET_RX_RING}} {
		without(t, func() error { return forbidOption(c.value) }, func() {
			r, err := NewRx(fd, &RxConfig{Reserve: 16})
			if err == nil {
				r.Close()
			}
			wantOption(t, err, c.option, unix.EPERM)
			if !errors.Is(err, os.ErrPermission) {
				t.Errorf("%v is not os.ErrPermission", err)
			}
		})
	}
	without(t, func() error { return forbidOption(unix.PACKET_TX_RING) }, func() {
		_, err := NewTx(fd, nil)
		wantOption(t, err, "PACKET_TX_RING", unix.EPERM)
	})
	r, err := NewRx(fd, nil)
	if err != nil {
		t.Fatal("after failures:", err)
	}
	r.Close()
}

// forbidOption has setsockopt(2) refuse an option of packet sockets to the
// calling thread.
func forbidOption(option uint32) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	// Offsets into struct seccomp_data: the number, and the low halves of
	// arguments.
	low := uint32(0)
	if endian := [2]byte{1, 0}; *(*uint16)(unsafe.Pointer(&endian)) != 1 {
		low = 4
	}
	const load, equal, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET
	program := []unix.SockFilter{
		{Code: load, K: 0},
		{Code: equal, K: unix.SYS_SETSOCKOPT, Jf: 5},
		{Code: load, K: 24 + low}, // level
		{Code: equal, K: unix.SOL_PACKET, Jf: 3},
		{Code: load, K: 32 + low}, // optname
		{Code: equal, K: option, Jf: 1},
		{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: ret, K: unix.SECCOMP_RET_ALLOW},
	}
	all := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&all)))
	if errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}
