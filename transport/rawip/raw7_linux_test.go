// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"protean/proto/checksum"
	"protean/transport/netlab"
)

// What raw(7) says, and does not say, of the kernel's sockets, without a
// transport between.

func TestIncludedIPv4HeadersAreRewrittenInFourFields(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := watch(t, b, unix.ETH_P_IP)
	fd := otherSocket(t, a, false, 253)
	if err := unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_HDRINCL, 1); err != nil {
		t.Fatal(err)
	}
	put := func(p []byte) error { return unix.Sendto(fd, p, 0, sockaddrOf(b.Addr4())) }
	good := packet(header{src: addr("192.0.2.7"), dst: addr("192.0.2.9"), ttl: 3, tos: 0xb9, options: []byte{1, 1, 1, 0}}, []byte("payload"))
	good[6], good[7] = 0xe0, 0x10 // reserved bit, DF, MF and an offset

	// Whatever else is in the header stays: another host's addresses, the
	// flags, and the destination too, as the route is that of sendto(2).
	wrong := bytes.Clone(good)
	binary.BigEndian.PutUint16(wrong[2:], 999)
	binary.BigEndian.PutUint16(wrong[10:], 0xdead)
	if err := put(wrong); err != nil {
		t.Fatal(err)
	}
	got := w.next(253)
	want := bytes.Clone(good)
	binary.BigEndian.PutUint16(want[10:], 0)
	binary.BigEndian.PutUint16(want[10:], checksum.Checksum(want[:24]))
	if !bytes.Equal(got, want) {
		t.Errorf("a wrong length and checksum:\n got %x\nwant %x", got, want)
	}

	missing := bytes.Clone(good)
	copy(missing[4:6], []byte{0, 0})
	copy(missing[12:16], []byte{0, 0, 0, 0})
	missing[6], missing[7] = 0, 0
	if err := put(missing); err != nil {
		t.Fatal(err)
	}
	got = w.next(253)
	if src := a.Addr4().As4(); !bytes.Equal(got[12:16], src[:]) || got[4] == 0 && got[5] == 0 || !checksum.Verify(got[:24]) {
		t.Errorf("an identification of 0 and a source of 0.0.0.0: %x", got)
	}

	// The version is not looked at, the header length is.
	version := bytes.Clone(good)
	version[0] = 9<<4 | 6
	if err := put(version); err != nil {
		t.Errorf("version 9: %v", err)
	} else if got := w.next(253); got[0] != version[0] {
		t.Errorf("version 9 became %#x", got[0])
	}
	short := bytes.Clone(good)
	short[0] = 0x44
	for name, p := range map[string][]byte{"a header length of 16": short, "19 bytes": good[:19]} {
		if err := put(p); err != unix.EINVAL {
			t.Errorf("%s: %v, want EINVAL", name, err)
		}
	}
}

func TestIncludedIPv6HeadersAreNotRewritten(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	w := watch(t, b, unix.ETH_P_IPV6)
	fd := otherSocket(t, a, true, 253)
	if err := unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_HDRINCL, 1); err != nil {
		t.Fatal(err)
	}
	p := packet(header{src: addr("::"), dst: addr("2001:db8::9"), ttl: 3, tos: 0xb9, flow: 0xabcde}, []byte("payload"))
	binary.BigEndian.PutUint16(p[4:], 999)
	if err := unix.Sendto(fd, p, 0, sockaddrOf(b.Addr6())); err != nil {
		t.Fatal(err)
	}
	if got := w.next(253); !bytes.Equal(got, p) {
		t.Errorf("\nsent %x\n got %x", p, got)
	}
	if err := unix.Sendto(fd, p[:39], 0, sockaddrOf(b.Addr6())); err != unix.EINVAL {
		t.Errorf("39 bytes: %v, want EINVAL", err)
	}
}

func TestIncludedHeadersAboveTheMTUAreEMSGSIZE(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair().WithMTU(1400))
	a, b := lab.Node("a"), lab.Node("b")
	families(t, func(t *testing.T, v6 bool) {
		h := between(a, b, v6)
		fd := otherSocket(t, a, v6, unix.IPPROTO_RAW)
		fit := packet(h, pattern(1400-len(packet(h, nil))))
		if err := unix.Sendto(fd, fit, 0, sockaddrOf(h.dst)); err != nil {
			t.Errorf("of the MTU: %v", err)
		}
		if err := unix.Sendto(fd, append(fit, 0), 0, sockaddrOf(h.dst)); err != unix.EMSGSIZE {
			t.Errorf("above it: %v, want EMSGSIZE", err)
		}
	})
}

// raw(7) calls such a socket send-only. It gets what has its very number, which
// a transport's sockets must not be filled with.
func TestASocketOfIPPROTO_RAWReceivesNothingButItsNumber(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	families(t, func(t *testing.T, v6 bool) {
		raw, last := otherSocket(t, b, v6, unix.IPPROTO_RAW), otherSocket(t, b, v6, 253)
		ours := open(t, b, Config{SendOnly: true}).senders[sockID(v6, 255)].Load().fd
		h := between(a, b, v6)
		tx := open(t, a, Config{})
		for _, h.protocol = range []uint8{254, 17, 255, 253} {
			send(t, tx, packet(h, []byte{h.protocol}))
		}
		payloadOf(t, last, v6)
		if got := payloadOf(t, raw, v6); !bytes.Equal(got, []byte{255}) {
			t.Errorf("first came %d, want the packet of protocol 255", got)
		}
		for name, fd := range map[string]int{"a socket": raw, "a transport's": ours} {
			if _, _, err := unix.Recvfrom(fd, make([]byte, 100), unix.MSG_DONTWAIT); err != unix.EAGAIN {
				t.Errorf("%s: %v, want EAGAIN", name, err)
			}
		}
	})
}

func TestEveryMatchingSocketGetsACopy(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1))
	a, r := lab.Node("a"), lab.Node("r1")
	away := r.Interfaces()[1]
	families(t, func(t *testing.T, v6 bool) {
		h := between(a, r, v6)
		mine, other := sockaddrOf(h.dst), sockaddrOf(away.Addr4.Addr())
		if v6 {
			other = sockaddrOf(away.Addr6.Addr())
		}
		plain, bound, connected, device := otherSocket(t, r, v6, 253), otherSocket(t, r, v6, 253), otherSocket(t, r, v6, 253), otherSocket(t, r, v6, 253)
		elsewhere, stranger, wrongDevice := otherSocket(t, r, v6, 253), otherSocket(t, r, v6, 253), otherSocket(t, r, v6, 253)
		for name, err := range map[string]error{
			"bind":                   unix.Bind(bound, mine),
			"connect":                unix.Connect(connected, sockaddrOf(h.src)),
			"SO_BINDTODEVICE":        unix.BindToDevice(device, r.Interfaces()[0].Name),
			"bind elsewhere":         unix.Bind(elsewhere, other),
			"connect to itself":      unix.Connect(stranger, mine),
			"SO_BINDTODEVICE beside": unix.BindToDevice(wrongDevice, away.Name),
		} {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		send(t, open(t, a, Config{}), packet(h, []byte("a copy")))
		for name, fd := range map[string]int{"any": plain, "bound to the address": bound, "connected to the sender": connected, "bound to the interface": device} {
			if got := payloadOf(t, fd, v6); string(got) != "a copy" {
				t.Errorf("%s: %q", name, got)
			}
		}
		for name, fd := range map[string]int{"bound to another address": elsewhere, "connected to another host": stranger, "bound to another interface": wrongDevice} {
			if _, _, err := unix.Recvfrom(fd, make([]byte, 100), unix.MSG_DONTWAIT); err != unix.EAGAIN {
				t.Errorf("%s: %v, want EAGAIN", name, err)
			}
		}
	})
}

func TestTheKernelAnswersEchoesBesideARawSocket(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	pinger := open(t, a, Config{ICMPTypes: []uint8{0}, ICMPv6Types: []uint8{129}})
	listener := open(t, b, Config{ICMPTypes: []uint8{8}, ICMPv6Types: []uint8{128}})
	bind(t, pinger, 1, 58)
	bind(t, listener, 1, 58)
	families(t, func(t *testing.T, v6 bool) {
		request := byte(8)
		if v6 {
			request = 128
		}
		sent := message(between(a, b, v6), request)
		send(t, pinger, sent)
		seen, answer := receive(t, listener, 1)[0], receive(t, pinger, 1)[0]
		if body := sent[len(sent)-8:]; !bytes.Equal(seen.Payload(), body) || !bytes.Equal(answer.Payload()[4:], body[4:]) || answer.Src() != b.Addr4() && answer.Src() != b.Addr6() {
			t.Errorf("sent %x, the raw socket saw %x, the kernel answered %x from %v", body, seen.Payload(), answer.Payload(), answer.Src())
		}
	})
}

func TestIPV6_DONTFRAGDoesNotHoldForRawSockets(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	rx := open(t, b, Config{})
	bind(t, rx, 253)
	fd := otherSocket(t, a, true, 253)
	if err := unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_DONTFRAG, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Sendto(fd, pattern(3000), 0, sockaddrOf(b.Addr6())); err != nil {
		t.Fatalf("IPV6_DONTFRAG: %v", err)
	}
	if p := receive(t, rx, 1)[0]; p.FragSize == 0 || !bytes.Equal(p.Payload(), pattern(3000)) {
		t.Errorf("%d bytes, largest fragment %d", len(p.Payload()), p.FragSize)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_DO); err != nil {
		t.Fatal(err)
	}
	if err := unix.Sendto(fd, pattern(3000), 0, sockaddrOf(b.Addr6())); err != unix.EMSGSIZE {
		t.Errorf("IPV6_MTU_DISCOVER: %v, want EMSGSIZE", err)
	}
}

// payloadOf receives from a raw socket, for 10 seconds at most.
func payloadOf(t *testing.T, fd int, v6 bool) []byte {
	t.Helper()
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10}); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2048)
	n, _, err := unix.Recvfrom(fd, b, 0)
	for err == unix.EINTR {
		n, _, err = unix.Recvfrom(fd, b, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	if b = b[:n]; !v6 {
		return b[int(b[0]&15)*4:]
	}
	return b
}
