// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// collect has the garbage collector find n more dropped rings.
func collect(t *testing.T, before, n int64) {
	t.Helper()
	for end := time.Now().Add(soon); Leaked() < before+n; time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(end) {
			t.Fatalf("%d rings were found, want %d", Leaked()-before, n)
		}
	}
}

// A dropped ring is counted, and stays: a frame of it may be in use.
func TestARingThatIsDroppedIsCounted(t *testing.T) {
	p := newPair(t, 1500)
	before := Leaked()
	own, mem, data := -1, []byte(nil), []byte(nil)
	func() { // no Rx is left on the stack afterwards
		fd := p.socket(p.b, unix.SOCK_RAW)
		r, err := NewRx(fd, &RxConfig{Blocks: 2})
		if err != nil {
			t.Fatal(err)
		}
		p.bind(fd, experimental)
		own, mem = r.waiter.fd, r.mem
		p.numbered(7, 1, 1000)
		for !r.Ready() {
			time.Sleep(time.Millisecond)
		}
		if err := r.Enter(); err != nil {
			t.Fatal(err)
		}
		var f Frame
		if !r.Next(&f) {
			t.Fatal("no frame")
		}
		data = f.Network()
	}()
	collect(t, before, 1)
	if n, ok := check(data); n != 7 || !ok {
		t.Errorf("frame %d, whole %v", n, ok)
	}
	unmap(mem)
	unix.Close(own)

	func() {
		tx, err := NewTx(p.socket(p.a, unix.SOCK_RAW), nil)
		if err != nil {
			t.Fatal(err)
		}
		mem = tx.ring.mem
	}()
	collect(t, before, 2)
	unmap(mem)
}

func TestARingThatIsClosedIsNotCounted(t *testing.T) {
	p := newPair(t, 1500)
	before := Leaked()
	func() {
		r, err := NewRx(p.socket(p.b, unix.SOCK_RAW), &RxConfig{Blocks: 2})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Wait(time.Now().Add(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		r.Close()
		tx, err := NewTx(p.socket(p.a, unix.SOCK_RAW), nil)
		if err != nil {
			t.Fatal(err)
		}
		tx.Close()
		left, err := NewTx(p.socket(p.a, unix.SOCK_RAW), nil)
		if err != nil {
			t.Fatal(err)
		}
		mem := left.ring.mem
		t.Cleanup(func() { unmap(mem) })
	}()
	collect(t, before, 1) // left, and nothing else
	runtime.GC()
	time.Sleep(10 * time.Millisecond)
	if n := Leaked() - before; n != 1 {
		t.Errorf("%d rings are counted, of which 1 was not closed", n)
	}
}
