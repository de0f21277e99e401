// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sockio

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"protean/ring/sysmon"
	"protean/transport/internal/pace"
)

// answered is how many packets patient's pacer has seen: enough for one wait that
// comes late.
const answered = 2 * pace.Regular

// patient returns a pacer that lingers for long, unless the machine keeps this
// thread from going on for 1 ms.
func patient() *pace.Pacer {
	p := new(pace.Pacer)
	now := sysmon.Now() - answered*pace.Linger
	for i := range uint64(answered) {
		p.Next(now+time.Duration(i)*pace.Linger, i+1)
	}
	return p
}

// lingerPatiently calls Linger until it is not late.
func lingerPatiently(t *testing.T, p *Poller, never func(time.Duration) bool, poll func(time.Duration) bool, waits *[]time.Duration) {
	t.Helper()
	for range 1000 {
		*waits = nil
		if p.Linger(patient(), sysmon.Now(), time.Time{}, answered+1, never, poll) {
			t.Fatal("an event for a Wake")
		}
		if len(*waits) != 1 || (*waits)[0] != pace.Linger {
			return
		}
	}
}

// TestEventsBlocksForTheTimeGiven, also in a 32-bit process, whose struct timespec is not
// the one that the kernel wants.
func TestEventsBlocksForTheTimeGiven(t *testing.T) {
	var p Poller
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, d := range []time.Duration{3 * time.Millisecond, 1003 * time.Millisecond} {
		took := make(chan time.Duration, 1)
		go func() {
			var evs [4]unix.EpollEvent
			begin := time.Now()
			if n := p.Events(evs[:], d); n != 0 {
				t.Errorf("%d events", n)
			}
			took <- time.Since(begin)
		}()
		select {
		case got := <-took:
			if got < d && !p.coarse {
				t.Errorf("blocked for %v, want %v", got, d)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("blocks for ever, want %v", d)
		}
	}
}

// TestAWakeEndsALongLinger also has no event of a Wake reach the caller, who
// knows the ids of what it watches only.
func TestAWakeEndsALongLinger(t *testing.T) {
	// With one processor nobody runs who could call it.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))))
	var p Poller
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var evs [4]unix.EpollEvent
	var waits []time.Duration
	poll := func(d time.Duration) bool {
		waits = append(waits, d)
		return p.Events(evs[:], d) > 0
	}
	never := func(time.Duration) bool { return false }

	shortest, noticed := time.Hour, 0
	for range 20 { // whatever else the machine has to do
		began := make(chan time.Time, 1)
		go func() {
			for !p.lingers.Load() {
				time.Sleep(10 * time.Microsecond)
			}
			now := time.Now()
			p.Wake()
			began <- now
		}()
		for woken := false; !woken; {
			lingerPatiently(t, &p, never, poll, &waits)
			over := time.Now()
			var at time.Time
			select {
			case at = <-began:
				woken = true
			case <-time.After(time.Millisecond): // it was over before the other goroutine has seen it
			}
			switch {
			case len(waits) == 1 && waits[0] == pace.Patience:
				if woken && at.Before(over) {
					noticed++
					shortest = min(shortest, over.Sub(at))
				}
			case len(waits) == 1 && waits[0] == 0 && p.woken.Load(): // the Wake came between two
			default:
				t.Fatalf("waits of %v", waits)
			}
		}
		if !p.Woken() {
			t.Fatal("the Wake is lost")
		}
	}
	if noticed == 0 {
		t.Error("no Wake came during a wait")
	} else if shortest > pace.Patience/2 {
		t.Errorf("a Wake was noticed after %v at best", shortest)
	}

	// One that comes before is not waited for.
	p.Wake()
	if lingerPatiently(t, &p, never, poll, &waits); len(waits) != 1 || waits[0] != 0 {
		t.Errorf("waits of %v with a Wake due", waits)
	}
}

// TestALoopWithTheOnlyProcessorIsParkedNowAndThen: or the runtime's poller would
// not be asked for others.
func TestALoopWithTheOnlyProcessorIsParkedNowAndThen(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var p Poller
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	waited := false
	poll := func(d time.Duration) bool { waited = waited || d > 0; return d > 0 } // something comes of each wait
	never := func(time.Duration) bool { return false }
	for range 3 {
		pacer := patient() // it finds out about the processors
		begun, turns := time.Now(), 0
		p.guard.Parked(sysmon.Now())
		for p.Linger(pacer, sysmon.Now(), time.Time{}, answered+1, never, poll) {
			if turns++; time.Since(begun) > 20*time.Second {
				t.Fatal("it was never to be parked")
			}
		}
		if turns == 0 || time.Since(begun) < sysmon.Turn {
			t.Errorf("to be parked after %d turns in %v", turns, time.Since(begun))
		}
	}
}

// TestTimeParkedIsNoTimeAwake: the monitor is not to be woken for it.
func TestTimeParkedIsNoTimeAwake(t *testing.T) {
	var p Poller
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.guard.Parked(sysmon.Now() - time.Hour)
	asked := 0
	var awake time.Duration
	go func() {
		for !p.lingers.Load() {
			time.Sleep(time.Millisecond)
		}
		p.bell.Write(ring)
	}()
	err := p.Block(time.Now().Add(20*time.Second), func(uintptr) bool {
		p.lingers.Store(true) // it is about to be parked
		asked++
		awake = p.guard.Awake(sysmon.Now())
		return asked > 1
	})
	if err != nil || asked < 2 {
		t.Fatalf("asked %d times, %v", asked, err)
	}
	if awake > time.Minute || !p.parked {
		t.Error("the time for which it was parked counts")
	}
}

// TestAWakeThatMeetsABlockDoesNotEndAllLaterOnes: one that Block comes between
// leaves its deadline, and no flag. Nothing may be missed for that either.
func TestAWakeThatMeetsABlockDoesNotEndAllLaterOnes(t *testing.T) {
	var p Poller
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	never := func(uintptr) bool { return false }

	// Wake, up to where it sets the deadline.
	p.woken.Store(true)
	p.deadline.Store(true)
	if err := p.Block(time.Time{}, never); err != nil {
		t.Fatal(err)
	}
	p.file.SetReadDeadline(time.Unix(1, 0)) // the rest
	if err := p.Block(time.Time{}, never); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Block(time.Time{}, never) }()
	select {
	case err := <-ended:
		t.Errorf("a Block ended by itself: %v", err)
		return
	case <-time.After(100 * time.Millisecond):
	}
	p.Wake()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestEachWakeEndsABlock also counts how many of them end more than one: a Block may
// return early, but not again and again.
func TestEachWakeEndsABlock(t *testing.T) {
	var p Poller
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	const wakes = 20000
	var told, seen, blocks atomic.Int64
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil && seen.Load() < wakes {
			err = p.Block(time.Time{}, func(uintptr) bool { return false })
			seen.Store(told.Load())
			blocks.Add(1)
		}
		ended <- err
	}()
	for n := range int64(wakes) {
		told.Store(n + 1)
		p.Wake()
		for begun := time.Now(); n%8 == 0 && seen.Load() <= n; runtime.Gosched() { // the others meet one that is under way
			if time.Since(begun) > 20*time.Second {
				t.Fatal("a Wake is lost")
			}
		}
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a Wake is lost")
	}
	// What a Wake ends is at most the Block it meets and the one after it.
	if n := blocks.Load(); n > 2*wakes {
		t.Errorf("%d Blocks ended by %d Wakes", n, wakes)
	}
}

func TestWakesDoNotBlock(t *testing.T) {
	var p Poller
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	p.lingers.Store(true)
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		for range 1000 {
			p.Wake()
		}
	}()
	select {
	case <-woken:
	case <-time.After(30 * time.Second):
		t.Fatal("a Wake blocks")
	}
}

func TestLingerKeepsToTheTimeAndToWhatIsDue(t *testing.T) {
	var p Poller
	if err := p.Open(); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var waits []time.Duration
	poll := func(d time.Duration) bool {
		waits = append(waits, d)
		return false
	}
	never := func(time.Duration) bool { return false }
	p.Linger(patient(), sysmon.Now(), time.Now().Add(2*time.Millisecond), answered+1, never, poll)
	p.Linger(patient(), sysmon.Now(), time.Now(), answered+1, never, poll)
	p.Linger(new(pace.Pacer), sysmon.Now(), time.Time{}, 0, never, poll)
	if len(waits) != 3 || waits[0] > 2*time.Millisecond || waits[1] != 0 || waits[2] != pace.Linger {
		t.Errorf("waits of %v", waits)
	}
	if !p.Linger(patient(), sysmon.Now(), time.Time{}, answered+1, func(time.Duration) bool { return true }, poll) || len(waits) != 3 {
		t.Error("something is due, and it is waited")
	}
}
