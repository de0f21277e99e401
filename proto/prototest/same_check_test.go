// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package prototest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport/sim"
)

// envFaulty selects a fault for the tests below, which are run in processes of
// their own by those that look at what is said about them.
const envFaulty = "PROTOTEST_FAULTY"

// rerun runs a test of this package with a fault, which must fail, and returns
// what it printed.
func rerun(t *testing.T, test, fault string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), envFaulty+"="+fault)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("%s with fault %q: %v, want a failure:\n%s", test, fault, err, out)
	}
	return string(out)
}

// TestChatter is the same in every run, unless it is given a fault.
func TestChatter(t *testing.T) {
	prototest.Same(t, &prototest.Sameness{Runs: 4})
	fault := os.Getenv(envFaulty)
	prototest.Bubble(t, func(t *testing.T) {
		n := prototest.BubblePair(t, &prototest.Config{Link: sim.LinkConfig{Delay: time.Millisecond, Loss: 0.1}})
		n.B.Register(t, 253, proto.HandlerFunc(echo))
		c, err := n.A.Dial(253, n.B.Addr4, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		d, err := n.A.Dial(254, n.B.Addr4, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		time.Sleep(time.Second)
		for i := range 20 {
			chat(fault, c, d, i)
			time.Sleep(time.Millisecond)
		}
	})
}

func chat(fault string, c, d *proto.Conn, i int) {
	switch fault {
	case "random":
		fmt.Fprintf(c, "%d %08x", i, rand.Uint32())
	case "delay":
		time.Sleep(time.Duration(rand.IntN(1000)))
		fmt.Fprintf(c, "%d", i)
	case "map":
		s := ""
		for k := range map[string]int{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5} {
			s += k + " "
		}
		fmt.Fprint(c, s)
	case "order":
		for k := range map[string]int{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5} {
			fmt.Fprint(c, k)
		}
	case "timers": // on two hosts they would be in order
		var wg sync.WaitGroup
		for j := range 8 {
			wg.Go(func() {
				time.Sleep(time.Millisecond)
				fmt.Fprintf([]*proto.Conn{c, d}[j%2], "%d %d", i, j)
			})
		}
		wg.Wait()
	case "end":
		for range rand.IntN(3) {
			fmt.Fprint(c, "again")
		}
	default:
		fmt.Fprintf(c, "%d", i)
	}
}

func TestSameNamesTheFirstDifferenceAndItsCause(t *testing.T) {
	for _, c := range []struct{ fault, want string }{
		{"random", `event 1 is not the same in all runs\n` +
			`(?s:.*)run 1 \(GOMAXPROCS=1\): \S+ a:eth0 > b:eth0 #0 sent .*\n` +
			`\s*run \d \(GOMAXPROCS=\d\): \S+ a:eth0 > b:eth0 #0 sent .*\n` +
			`\s*probable cause: the packets differ in bytes 2\d to \d+: a random source of a package`},
		{"delay", `probable cause: the same packet comes at another time: a delay from a package-level random source`},
		{"map", `probable cause: the packets differ in bytes \d+ to \d+, which are the same bytes in another order: the order of a map`},
		{"order", `probable cause: the same payloads are sent in another order: the order of a map`},
	} {
		t.Run(c.fault, func(t *testing.T) {
			if out := rerun(t, "TestChatter", c.fault); !regexp.MustCompile(c.want).MatchString(out) {
				t.Errorf("want %s in\n%s", c.want, out)
			}
		})
	}
}

func TestGoTimersDueAtOneInstantAreReported(t *testing.T) {
	out := rerun(t, "TestChatter", "timers")
	// Which goroutine goes first is seen in the packets, and that several send
	// at one instant by the network.
	if !strings.Contains(out, "several goroutines send on a#1") {
		t.Errorf("nothing about concurrent sends in\n%s", out)
	}
}

// A box sleeps with its mutex locked, which no bubble can wait out.
type box struct{ mu sync.Mutex }

func (b *box) hold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	time.Sleep(time.Hour)
}

func (b *box) want() {
	b.mu.Lock()
	defer b.mu.Unlock()
}

func TestFrozen(t *testing.T) {
	if os.Getenv(envFaulty) != "mutex" {
		t.Skip("it is for TestAFrozenClockIsReportedWithTheHolderOfTheMutex")
	}
	prototest.BubbleFor(t, time.Second, func(t *testing.T) {
		var b box
		go b.hold()
		time.Sleep(time.Second)
		b.want()
	})
}

func TestAFrozenClockIsReportedWithTheHolderOfTheMutex(t *testing.T) {
	out := rerun(t, "TestFrozen", "mutex")
	waits := strings.Index(out, "a goroutine waits for a mutex")
	holds := strings.Index(out, "This one most likely holds it")
	if waits < 0 || holds < waits || !strings.Contains(out[waits:holds], "(*box).want") || !strings.Contains(out[holds:], "(*box).hold") {
		t.Errorf("the report does not name who waits and who holds:\n%s", out)
	}
}

func TestStuck(t *testing.T) {
	if os.Getenv(envFaulty) != "stuck" {
		t.Skip("it is for TestASearchFindsScenariosThatDoNotEnd")
	}
	prototest.Seeds(t, &prototest.Search{Seeds: 100, Bubble: true}, func(tb testing.TB, cfg *prototest.Config) {
		cfg.Link.Loss = 0.1
		n := prototest.BubblePair(tb, cfg)
		r := n.B.Record(tb, 253)
		n.A.Send(tb, 253, n.B.Addr4, []byte("x"))
		time.Sleep(time.Second)
		if len(r.Packets()) == 0 {
			select {} // it waits for what was lost
		}
	})
}

func TestASearchFindsScenariosThatDoNotEnd(t *testing.T) {
	out := rerun(t, "TestStuck", "stuck")
	if !strings.Contains(out, "of its 1 faults, 1 are enough") || !strings.Contains(out, "deadlock") {
		t.Errorf("no report of what is stuck in\n%s", out)
	}
}

// TestNoBubble does nothing unless it is run by the test below.
func TestNoBubble(t *testing.T) {
	if os.Getenv(envFaulty) != "none" {
		return
	}
	prototest.BubblePair(t, nil)
	time.Sleep(10 * time.Second)
}

func TestANetworkThatNeedsABubbleSaysSo(t *testing.T) {
	if out := rerun(t, "TestNoBubble", "none"); !strings.Contains(out, "let prototest.Bubble, or synctest.Test, call what calls them") {
		t.Error(out)
	}
}
