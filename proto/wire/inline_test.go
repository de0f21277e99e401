// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package wire_test

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestAccessorsInline asks the compiler, as the go command on the path runs it, whether the accessors and gates used
// for every packet can be inlined.
func TestAccessorsInline(t *testing.T) {
	if runtime.Compiler != "gc" {
		t.Skip("inlining is a matter of the gc compiler; this is " + runtime.Compiler)
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command to ask: ", err)
	}
	want := strings.Fields(`
		IPv4.Version IPv4.HeaderLen IPv4.TOS IPv4.DSCP IPv4.ECN IPv4.TotalLen IPv4.ID
		IPv4.DontFragment IPv4.MoreFragments IPv4.FragmentOffset IPv4.IsFragment IPv4.TTL
		IPv4.Protocol IPv4.Checksum IPv4.Src IPv4.Dst IPv4.Options IPv4.Header IPv4.Payload
		IPv4.SetTTL IPv4.SetSrc IPv4.SetDst IPv4.SetChecksum NewIPv4OptionIterator
		IPv6.Version IPv6.TrafficClass IPv6.FlowLabel IPv6.PayloadLen IPv6.NextHeader
		IPv6.HopLimit IPv6.Src IPv6.Dst IPv6.Payload NewExtIterator ParseIPv6 IsExtension
		IPv6Fragment.Offset IPv6Fragment.More IPv6Fragment.ID ParseIPv6Fragment
		ICMPv4.Type ICMPv4.Code ICMPv4.ID ICMPv4.Seq ICMPv4.Body ICMPv6.Type ICMPv6.Body
		UDP.SrcPort UDP.DstPort UDP.Payload Ethernet.Dst Ethernet.Src
		ARP.Op ARP.SenderIP ARP.TargetIP Malformed.Err`)
	out, err := exec.Command("go", "build", "-gcflags=-m", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	inlined := make(map[string]bool)
	for line := range strings.Lines(string(out)) {
		if _, name, ok := strings.Cut(line, ": can inline "); ok {
			inlined[strings.TrimSpace(name)] = true
		}
	}
	for _, name := range want {
		if !inlined[name] {
			t.Errorf("%s is not inlined", name)
		}
	}
}
