// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// execProgram runs the program in this process.
func execProgram(args ...string) (out, errs string, code int) {
	var o, e strings.Builder
	code = execute(args, &o, &e)
	return o.String(), e.String(), code
}

func TestASimulatedNetworkAnswersInVirtualTime(t *testing.T) {
	out, errs, code := execProgram("ping", "--transport", "sim", "-c", "4", "-i", "3600", "-O", "-D",
		"--delay", "20ms", "--loss", "25", "--dup", "40%", "--seed", "3")
	const want = `PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.
[946684800.040000] 64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=40.0 ms
[946684800.040000] 64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=40.0 ms (DUP!)
[946688400.040000] 64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=40.0 ms
[946688400.040000] 64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=40.0 ms (DUP!)
[946688400.040000] 64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=40.0 ms (DUP!)
[946692000.040000] 64 bytes from 10.0.0.2: icmp_seq=3 ttl=64 time=40.0 ms
[946695610.000000] no answer yet for icmp_seq=4

--- 10.0.0.2 ping statistics ---
4 packets transmitted, 3 received, +3 duplicates, 25% packet loss, time 10800000ms
rtt min/avg/max/mdev = 40.000/40.000/40.000/0.000 ms
`
	if out != want || errs != "" || code != 0 {
		t.Errorf("exit code %d, printed:\n%s%s", code, out, errs)
	}
	again, _, _ := execProgram("ping", "--transport", "sim", "-c", "4", "-i", "3600", "-O", "-D",
		"--delay", "20ms", "--loss", "25", "--dup", "40%", "--seed", "3")
	if again != out {
		t.Errorf("the same seed gave:\n%s", again)
	}
}

// TestTheReadmeShowsWhatASeedGives runs what README.md does on the network in memory.
func TestTheReadmeShowsWhatASeedGives(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "$ ./icmpecho ping --transport sim ")
	block, _, _ := strings.Cut(after, "```")
	args, want, _ := strings.Cut(block, "\n")
	if len(want) < 100 {
		t.Fatalf("README.md shows %q", block)
	}
	if out, errs, _ := execProgram(append([]string{"ping", "--transport", "sim"}, strings.Fields(args)...)...); out != want || errs != "" {
		t.Errorf("README.md says:\n%s\nwhich printed:\n%s%s", want, out, errs)
	}
}

func TestSeveralSimulatedHosts(t *testing.T) {
	out, errs, code := execProgram("ping", "--transport", "sim", "-c", "2", "-q", "192.0.2.7", "2001:db8::7", "192.0.2.7")
	if code != 0 || errs != "" || strings.Count(out, "2 packets transmitted, 2 received, 0% packet loss, time 1020ms\nrtt min/avg/max/mdev = 20.000/20.000/20.000/0.000 ms") != 3 {
		t.Errorf("exit code %d, printed:\n%s%s", code, out, errs)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		text string // in what is printed
	}{
		{"ping --transport sim", 0, "5 packets transmitted, 5 received"},
		{"ping --transport sim -6 -c 1", 0, "64 bytes from fd00::2: icmp_seq=1 ttl=64 time=20.0 ms"},
		{"ping --transport sim --loss 100", 1, "5 packets transmitted, 0 received, 100% packet loss"},
		{"ping --transport sim --loss 100 -w 2.5", 1, "+1 in flight, 100% packet loss"},
		{"ping --transport sim -w 2.5 -c 3", 0, "3 packets transmitted, 3 received"},
		{"ping --transport sim -w 1.5 -c 3", 1, "2 packets transmitted, 2 received"},
		{"ping --transport sim -s 1500 -c 1", 0, "1508 bytes from 10.0.0.2"},
		{"", 0, "Usage:"},
		{"ping --help", 0, "--outstanding"},

		{"ping", 2, "whom to ask?"},
		{"pong", 2, "unknown command"},
		{"ping --nonsense 10.0.0.2", 2, "unknown flag"},
		{"ping -4 -6 10.0.0.2", 2, "-4 and -6 exclude each other"},
		{"ping -4 fd00::2", 2, "fd00::2: is not an IPv4 address"},
		{"ping -6 10.0.0.2", 2, "10.0.0.2: is not an IPv6 address"},
		{"ping 0.0.0.0", 2, "is not an address of a host"},
		{"ping -I fd00::1 10.0.0.2", 2, "is of another family than the source address"},
		{"ping -I nosuch0 10.0.0.2", 2, "there is no such interface"},
		{"ping ff02::1", 2, "ff02::1: needs an interface"},
		{"ping fe80::1", 2, "fe80::1: needs an interface"},
		{"ping fe80::1%nosuch0", 2, "there is no interface nosuch0"},
		{"ping no.such.name.invalid", 2, "no.such.name.invalid: "},
		{"ping -s 65508 10.0.0.2", 2, "-s 65508 is not in 0 to 65507"},
		{"ping -s -1 10.0.0.2", 2, "-s -1 is not in"},
		{"ping -i 0 10.0.0.2", 2, "-i is less than 10µs"},
		{"ping -i soon 10.0.0.2", 2, "not a time in seconds"},
		{"ping -i -1 10.0.0.2", 2, "negative"},
		{"ping -W 0 10.0.0.2", 2, "-W is zero"},
		{"ping -w 1e300 10.0.0.2", 2, "out of range"},
		{"ping -t 0 10.0.0.2", 2, "reaches nobody"},
		{"ping -t 256 10.0.0.2", 2, "not in 0 to 255"},
		{"ping --loss 10 10.0.0.2", 2, "--loss is for --transport sim"},
		{"ping --transport sim --loss 101", 2, "not a percentage"},
		{"ping --transport sim --loss NaN", 2, "not a percentage"},
		{"ping --transport sim localhost", 2, "has no names"},
		{"ping --transport sim 10.0.0.1", 2, "is the asking host itself"},
		{"ping --transport sim 224.0.0.1", 2, "takes unicast addresses"},
		{"ping --transport sim -I eth0", 2, "-I is not for"},
		{"ping --transport carrier-pigeon 10.0.0.2", 2, "it is raw, ping, packet or sim"},
		{"respond 192.0.2.200", 2, "is not an address of this host"},
		{"respond here", 2, "is not an address"},
		{"respond --kernel kill", 2, "is neither silence nor leave"},
		{"respond -I nosuch0", 2, "there is no such interface"},
		{"respond -6 127.0.0.1", 2, "is not an IPv6 address"},
		{"respond --loss 1000", 2, "not a percentage"},
		{"janitor net.ipv4.ip_forward=1", 2, "is not a setting to put back"},
	} {
		out, errs, code := execProgram(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(out+errs, c.text) {
			t.Errorf("%q: exit code %d, want %d with %q; printed:\n%s%s", c.args, code, c.code, c.text, out, errs)
		}
		if code == 2 && (!strings.HasPrefix(errs, "icmpecho: ") || strings.Count(errs, "\n") != 1) {
			t.Errorf("%q: the error is not one line: %q", c.args, errs)
		}
	}
}

func TestTimesAreTakenAsPingTakesThem(t *testing.T) {
	for text, d := range map[string]time.Duration{
		"1": time.Second, "0.2": 200 * time.Millisecond, ".5": 500 * time.Millisecond, "0,2": 200 * time.Millisecond,
		"20ms": 20 * time.Millisecond, "0": 0, "1e-3": time.Millisecond,
	} {
		var s seconds
		if err := s.Set(text); err != nil || time.Duration(s) != d {
			t.Errorf("%q: %v, %v", text, time.Duration(s), err)
		}
	}
}

// A stuck writer lets go of one Write at a time.
type stuck struct {
	io.Writer
	gate chan struct{}
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.gate
	return s.Writer.Write(p)
}

func TestOutputThatNobodyTakesDoesNotStopTheProgram(t *testing.T) {
	var out strings.Builder
	w := &stuck{&out, make(chan struct{})}
	l := newLines(w)
	line := []byte(strings.Repeat("x", 1023) + "\n")
	const n = 3 * maxPending / 1024
	for range n {
		if _, err := l.Write(line); err != nil {
			t.Fatal(err)
		}
	}
	close(w.gate)
	l.Close()
	taken := strings.Count(out.String(), "x\n")
	if taken < maxPending/1024 || taken >= n || !strings.Contains(out.String(), " lines left out here)\n") {
		t.Errorf("%d of %d lines were written", taken, n)
	}
}
