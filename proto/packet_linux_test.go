// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package proto_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"

	"protean/proto"
	"protean/transport"
	"protean/transport/afpacket"
	"protean/transport/netlab"
	"protean/transport/rawip"
	"protean/transport/sim"
)

// packetSocket opens packet sockets in a node of a lab; runOver closes them.
func packetSocket(t *testing.T, n *netlab.Node, cfg afpacket.Config) *afpacket.Transport {
	t.Helper()
	cfg.NetNS, cfg.Interface = n.NetNS(), "eth0"
	tr, err := afpacket.Open(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestTheSameHandlerAnswersOverEveryTransport has one handler, as it is, answer
// over a network in memory, raw sockets, and every kind of packet socket, with
// payloads that need no fragment, some, and many.
func TestTheSameHandlerAnswersOverEveryTransport(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	ends := func(cfg afpacket.Config) func(t *testing.T) (ta, tb transport.Transport, to []netip.Addr) {
		return func(t *testing.T) (ta, tb transport.Transport, to []netip.Addr) {
			return packetSocket(t, a, cfg), packetSocket(t, b, cfg), []netip.Addr{b.Addr4(), b.Addr6()}
		}
	}
	for name, open := range map[string]func(t *testing.T) (ta, tb transport.Transport, to []netip.Addr){
		"sim": func(t *testing.T) (ta, tb transport.Transport, to []netip.Addr) {
			n := sim.New(&sim.Config{Live: true})
			t.Cleanup(func() { n.Close() })
			var ts [2]transport.Transport
			var ports [2]*sim.Port
			for i, prefix := range []string{"10.0.0.1/24", "10.0.0.2/24"} {
				nd, err := n.Node([]string{"a", "b"}[i])
				if err != nil {
					t.Fatal(err)
				}
				v6 := []string{"fd00::1/64", "fd00::2/64"}[i]
				if ports[i], err = nd.AddInterface("eth0", netip.MustParsePrefix(prefix), netip.MustParsePrefix(v6)); err != nil {
					t.Fatal(err)
				}
				if ts[i], err = nd.Open(nil); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := n.Connect(ports[0], ports[1], nil); err != nil {
				t.Fatal(err)
			}
			return ts[0], ts[1], []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd00::2")}
		},
		"raw sockets": func(t *testing.T) (ta, tb transport.Transport, to []netip.Addr) {
			ra, err := rawip.Open(&rawip.Config{NetNS: a.NetNS()})
			if err != nil {
				t.Fatal(err)
			}
			rb, err := rawip.Open(&rawip.Config{NetNS: b.NetNS()})
			if err != nil {
				t.Fatal(err)
			}
			return ra, rb, []netip.Addr{b.Addr4(), b.Addr6()}
		},
		"packet sockets, V3":             ends(afpacket.Config{}),
		"packet sockets, V2":             ends(afpacket.Config{Ring: afpacket.V2, TxRing: true}),
		"packet sockets, cooked":         ends(afpacket.Config{Ring: afpacket.None, Cooked: true}),
		"packet sockets, four queues":    ends(afpacket.Config{Queues: 4}),
		"packet sockets, reassembling":   ends(afpacket.Config{Defrag: true}),
		"packet sockets, every protocol": ends(afpacket.Config{All: true, Ring: afpacket.V2}),
	} {
		t.Run(name, func(t *testing.T) {
			ta, tb, to := open(t)
			handle(t, runOver(t, tb), 253, proto.HandlerFunc(replyInPlace))
			h := runOver(t, ta)
			for _, dst := range to {
				c := conn(t)(h.Dial(253, dst, nil))
				for _, n := range []int{0, 1, 1400, 3000, 64_000} {
					s := string(noise(n))
					write(t, c, s)
					if got := read(t, c); sha256.Sum256([]byte(got)) != sha256.Sum256([]byte(s)) {
						t.Errorf("%v: %d bytes came back as %d others", dst, n, len(got))
					}
				}
			}
			addUpSoon(t, h)
		})
	}
}

// TestACaptureShowsWhatWasSent has tcpdump watch the other end of the wire
// while a payload of 64,000 bytes is sent.
func TestACaptureShowsWhatWasSent(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("tcpdump is not installed")
	}
	if groups, err := os.ReadFile("/proc/self/setgroups"); err == nil && string(groups) == "deny\n" {
		t.Skip("tcpdump wants to set its groups, which a user namespace made without privileges does not permit")
	}
	a, b := lab.Node("a"), lab.Node("b")
	for name, cfg := range map[string]afpacket.Config{"sendmmsg": {}, "transmit ring": {TxRing: true}} {
		for _, dst := range []netip.Addr{b.Addr4(), b.Addr6()} {
			t.Run(name+" to "+dst.String(), func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "wire.pcap")
				dump := exec.Command("tcpdump", "-i", "eth0", "-n", "-U", "--immediate-mode", "-s", "2000", "-B", "8192", "-Q", "in", "-Z", "root", "-w", file, "ip proto 253 or ip6")
				if err := b.Start(dump); err != nil {
					t.Fatal(err)
				}
				defer dump.Process.Kill()
				eventually(t, "tcpdump listens", func() bool { // it has written its header when it listens
					f, err := os.Stat(file)
					return err == nil && f.Size() >= 24
				})
				tr := packetSocket(t, a, cfg)
				h := runOver(t, tr)
				payload := noise(64_000)
				write(t, conn(t)(h.Dial(253, dst, nil)), string(payload))
				var sent transport.Stats
				eventually(t, "everything is sent", func() bool { sent = tr.Stats(); return sent.Committed > 40 && sent.Sent == sent.Committed })
				var packets [][]byte
				eventually(t, "everything is captured", func() bool { packets = captured(t, file, dst.Is6()); return len(packets) >= int(sent.Sent) })
				dump.Process.Signal(syscall.SIGTERM)
				dump.Wait()

				var octets uint64
				got := make([]byte, 64_000)
				for _, p := range packets {
					octets += uint64(len(p))
					off, data := int(binary.BigEndian.Uint16(p[6:])&0x1fff)*8, p[20:]
					if dst.Is6() {
						off, data = int(binary.BigEndian.Uint16(p[42:])&^7), p[48:]
					}
					copy(got[off:], data)
				}
				if len(packets) != int(sent.Sent) || octets != sent.SentBytes {
					t.Errorf("%d packets of %d bytes are on the wire; the transport says %d of %d", len(packets), octets, sent.Sent, sent.SentBytes)
				}
				if !bytes.Equal(got, payload) {
					t.Error("the wire carries other bytes than were sent")
				}
			})
		}
	}
}

// captured returns the IP packets of protocol 253 in a capture file.
func captured(t *testing.T, file string, v6 bool) (packets [][]byte) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		frame, _, err := r.ReadPacketData()
		if err != nil { // the end, or a packet that is being written
			return packets
		}
		p := frame[14:]
		switch {
		case !v6 && p[0]>>4 == 4 && p[9] == 253:
			packets = append(packets, p[:binary.BigEndian.Uint16(p[2:])])
		case v6 && p[0]>>4 == 6 && p[6] == 44 && p[40] == 253:
			packets = append(packets, p[:40+binary.BigEndian.Uint16(p[4:])])
		}
	}
}

// addUpSoon is addsUp for a host whose loop may still be in the pass in which the
// last packet came: its counts are published when it ends.
func addUpSoon(t *testing.T, h *proto.Host) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !balanced(h.Stats()) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	addsUp(t, h)
}

// eventually waits until done says so.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it does not come to this: %s", what)
		}
	}
}
