// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package ring

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// transmit returns a transmit ring of a, and what to send through it.
func (p *pair) transmit(cfg *TxConfig) *Tx {
	p.t.Helper()
	fd := p.socket(p.a, unix.SOCK_RAW)
	tx, err := NewTx(fd, cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := tx.Close(); err != nil {
			p.t.Error("Close:", err)
		}
	})
	p.bindTo(fd, 0, p.a)
	return tx
}

// put requests that a packet be sent, and reports whether there was a frame for it.
func (p *pair) put(tx *Tx, number, size int) bool {
	i := tx.Reserve()
	if i < 0 {
		return false
	}
	p.fill(tx, i, number, size)
	return true
}

// fill requests that a lent frame be sent with a packet in it.
func (p *pair) fill(tx *Tx, i, number, size int) {
	p.t.Helper()
	appendFrame(tx.Data(i)[:0], p.head[:], number, size)
	if err := tx.Request(i, size+len(p.head)); err != nil {
		p.t.Fatal("Request:", err)
	}
}

// enter returns a function that leaves.
func enter(t testing.TB, tx *Tx) func() {
	t.Helper()
	if err := tx.Enter(); err != nil {
		t.Fatal("Enter:", err)
	}
	return tx.Leave
}

// volume is a receive ring that takes what a test sends without a loss.
func (p *pair) volume() *Rx {
	return p.open(&RxConfig{BlockSize: 1 << 20, Blocks: 32, Retire: time.Millisecond})
}

func wantNumbers(t *testing.T, got []int, n int, left ...int) {
	t.Helper()
	var want []int
	for i := range n {
		if !slices.Contains(left, i) {
			want = append(want, i)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %d numbers, want %d, in order", len(got), len(want))
		for i := range got {
			if i < len(want) && got[i] != want[i] {
				t.Fatalf("the %d. is %d, want %d", i, got[i], want[i])
			}
		}
	}
}

// Two frames in the middle are longer than the interface takes, which the ring
// was not told. All others arrive, in order.
func TestAFrameThatTheKernelRefusesHoldsNothingUp(t *testing.T) {
	p := newPair(t, 1500)
	r := p.volume()
	tx := p.transmit(&TxConfig{Frames: 32})
	defer enter(t, tx)()
	const n = 100
	for i := 0; i < n; {
		k := 0
		for ; k < 10 && i < n && p.put(tx, i, map[bool]int{true: 1501, false: 100}[i == 3 || i == 55 || i == 99]); k++ {
			i++
		}
		if err := tx.Kick(); err != nil {
			t.Fatal("Kick:", err)
		}
	}
	if left := tx.Drain(time.Now().Add(soon)); left != 0 {
		t.Errorf("%d left", left)
	}
	if sent, refused := tx.Sent(); sent != n-3 || refused != 3 {
		t.Errorf("%d sent, %d refused", sent, refused)
	}
	if bytes := tx.SentBytes(); bytes != (n-3)*(14+100) { // with the Ethernet header
		t.Errorf("%d bytes sent", bytes)
	}
	wantNumbers(t, numbers(t, r, n-3), n, 3, 55, 99)
}

// Of what was handed over, Drain tells what has not left.
func TestDrainTellsWhatWasNotSent(t *testing.T) {
	p := newPair(t, 1500)
	r := p.volume()
	tx := p.transmit(&TxConfig{Frames: 2048})
	leave := enter(t, tx)
	const n = 2000
	for i := range n {
		if !p.put(tx, i, 100) {
			t.Fatalf("no room for frame %d", i)
		}
	}
	if tx.UnderWay() != n {
		t.Fatalf("%d under way", tx.UnderWay())
	}
	left := tx.Drain(time.Now().Add(soon))
	sent, refused := tx.Sent()
	if left != 0 || sent != n || refused != 0 {
		t.Errorf("%d left, %d sent, %d refused", left, sent, refused)
	}
	wantNumbers(t, numbers(t, r, int(sent)), n)

	// With the link down nothing leaves, and nothing is said to.
	if err := p.a.SetLink("eth0", false); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		p.put(tx, i, 100)
	}
	if err := tx.Kick(); !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("Kick with the link down: %v", err)
	}
	if left := tx.Drain(time.Now().Add(20 * time.Millisecond)); left != 10 {
		t.Errorf("%d left with the link down, want 10", left)
	}
	if sent, _ := tx.Sent(); sent != n {
		t.Errorf("%d sent", sent)
	}
	// They wait for it to come up.
	if err := p.a.SetLink("eth0", true); err != nil {
		t.Fatal(err)
	}
	if left := tx.Drain(time.Now().Add(soon)); left != 0 {
		t.Errorf("%d left with the link up", left)
	}
	wantNumbers(t, numbers(t, r, 10), 10)
	leave()
}

// Each frame's bytes arrive as they were written, through a small ring that is
// filled again as soon as it can be.
func TestFramesAreNotOverwrittenWhileTheyAreSent(t *testing.T) {
	p := newPair(t, 1500)
	r := p.volume()
	tx := p.transmit(&TxConfig{Frames: 16})
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	result := make(chan []int, 1)
	var come atomic.Int64
	go func() {
		var all []int
		read(t, r, soon, func(f *Frame) bool {
			number, ok := check(f.Network())
			if !ok {
				t.Errorf("frame %d has a payload of other bytes", number)
			}
			all = append(all, number)
			come.Add(1)
			return len(all) < n
		})
		result <- all
	}()
	func() {
		defer enter(t, tx)()
		for i := 0; i < n && !t.Failed(); {
			// The receiving ring hands over a block in each millisecond, however little is
			// in it: it has room for no more where its reader is kept from running.
			if i-int(come.Load()) > 300 {
				time.Sleep(100 * time.Microsecond)
				continue
			}
			k := 0
			for k < 8 && i < n && p.put(tx, i, 64+i%1400) {
				i, k = i+1, k+1
			}
			if err := tx.Kick(); err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EAGAIN) {
				t.Error("Kick:", err)
				return
			}
		}
		if left := tx.Drain(time.Now().Add(soon)); left != 0 {
			t.Errorf("%d left", left)
		}
	}()
	wantNumbers(t, <-result, n)
	if s := stats(t, r); s.Drops != 0 {
		t.Errorf("%+v", s)
	}
}

// What is too long for the interface is refused before it is queued; the longest
// is not.
func TestALongFrameIsRefusedBeforeItIsQueued(t *testing.T) {
	p := newPair(t, 1500)
	r := p.volume()
	tx := p.transmit(&TxConfig{Frames: 32, MaxFrame: 1514})
	defer enter(t, tx)()
	f := tx.Reserve()
	if n := len(tx.Data(f)); n != 1514 {
		t.Errorf("room for %d bytes", n)
	}
	var size *SizeError
	if err := tx.Request(f, 1515); !errors.As(err, &size) || size.Size != 1515 || size.Max != 1514 || !errors.Is(err, syscall.EMSGSIZE) {
		t.Errorf("1515 bytes: %v", err)
	}
	p.fill(tx, f, 0, 1500)
	if err := tx.Kick(); err != nil {
		t.Fatal(err)
	}
	wantNumbers(t, numbers(t, r, 1), 1)
	tx.SetMaxFrame(100)
	if n := len(tx.Data(tx.Reserve())); n != 100 {
		t.Errorf("room for %d bytes", n)
	}
}

// Frames that are not available are not lent, nor sent if they are not lent.
func TestFramesOfTheKernelAreOutOfReach(t *testing.T) {
	p := newPair(t, 1500)
	r := p.volume()
	tx := p.transmit(&TxConfig{Frames: 16, FrameSize: 256})
	defer enter(t, tx)()
	if n := tx.Config().Frames; n != 16 {
		t.Fatalf("%d frames", n)
	}
	for i := range 16 {
		p.put(tx, i, 100)
	}
	if tx.UnderWay() != 16 || tx.Reserve() != -1 {
		t.Errorf("%d under way, and a 17th frame of 16", tx.UnderWay())
	}
	for _, i := range []int{-1, 0, 15, 16} {
		tx.Release(i)
		if err := tx.Request(i, 50); !errors.Is(err, ErrNoFrame) {
			t.Errorf("a frame that waits to be sent is requested: %v", err)
		}
	}
	if err := tx.Kick(); err != nil {
		t.Fatal(err)
	}
	wantNumbers(t, numbers(t, r, 16), 16)
}

// skip skips a test that wants more of the machine than others do, unless the
// machine has to have it.
func skip(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("PROTEAN_REQUIRE_NETLAB") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Where the kernel takes some of the frames, and has no room for the others, Kick
// tells so: nobody would try again.
func TestKickTellsThatSomeAreLeft(t *testing.T) {
	if _, err := exec.LookPath("tc"); err != nil {
		skip(t, "no tc, which sets a queueing discipline")
	}
	p := newPair(t, 1500)
	r := p.volume()
	tx := p.transmit(&TxConfig{Frames: 32})
	if err := unix.SetsockoptInt(tx.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 8<<10); err != nil {
		t.Fatal(err)
	}
	// What waits in the queue takes up room of the socket's.
	if out, err := p.a.Run(t.Context(), "tc", "qdisc", "add", "dev", "eth0", "root",
		"tbf", "rate", "4mbit", "burst", "1600", "limit", "1000000"); err != nil {
		skip(t, "no tbf: %v: %s", err, out)
	}
	defer enter(t, tx)()
	const n = 16
	for i := range n {
		p.put(tx, i, 1000)
	}
	kicks := 1
	for err := tx.Kick(); err != nil; err = tx.Kick() {
		if !errors.Is(err, unix.EAGAIN) {
			t.Fatal("Kick:", err)
		}
		if kicks++; kicks > 10_000 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if kicks == 1 {
		t.Error("the kernel had room for all")
	}
	if tx.Waiting() {
		t.Error("Kick left frames, without an error")
	}
	wantNumbers(t, numbers(t, r, n), n)
}
