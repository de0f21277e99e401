// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package afpacket

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"protean/proto/wire"
	"protean/transport"
	"protean/transport/netlab"
)

// TestAClaimedAddressNeedsNoAddressOfTheInterface answers on one that has none.
func TestAClaimedAddressNeedsNoAddressOfTheInterface(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	index, own := b.Interfaces()[0].Index, b.Addr4().As4()
	header := make([]byte, unix.SizeofIfAddrmsg)
	header[0], header[1], header[4] = unix.AF_INET, 24, byte(index)
	change(t, b, unix.RTM_DELADDR, 0, header, func(ae *netlink.AttributeEncoder) { ae.Bytes(unix.IFA_LOCAL, own[:]) })
	tr := open(t, b, Config{})
	respond(t, tr)
	if err := tr.Claim(index, claimed[0], nil); err != nil {
		t.Fatal(err)
	}
	if err := ping(a, claimed[0], 10*time.Second); err != nil {
		t.Error(err)
	}
}

// TestWithoutARouteAHostIsOnTheLink sends to one that the neighbour table knows, and not
// to where routes keep packets from going, nor to this host.
func TestWithoutARouteAHostIsOnTheLink(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	far, black := netip.MustParseAddr("10.99.0.9"), netip.MustParseAddr("10.98.0.9")
	setNeighbour(t, a, far, wire.MAC(b.Interfaces()[0].HardwareAddr))
	header := make([]byte, unix.SizeofRtMsg)
	header[0], header[1], header[4], header[5], header[7] = unix.AF_INET, 32, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RTN_BLACKHOLE
	change(t, a, unix.RTM_NEWROUTE, unix.NLM_F_CREATE, header, func(ae *netlink.AttributeEncoder) { ae.Bytes(unix.RTA_DST, black.AsSlice()) })
	senders(t, func(t *testing.T, c Config) {
		tr := open(t, a, c)
		sniff := newSniffer(t, b)
		mustSend(t, tr, packet(a.Addr4(), far, []byte("12345678")))
		sniff.next(t, func(p *transport.Packet) bool { return p.Protocol() == 253 && p.Dst() == far })
		if r, err := tr.Route(far, 0); !errors.Is(err, syscall.ENETUNREACH) {
			t.Errorf("Route: %+v, %v", r, err)
		}
		for _, dst := range []netip.Addr{black, netip.MustParseAddr("127.0.0.1"), a.Addr4(), netip.MustParseAddr("fd99::9")} {
			src := a.Addr4()
			if dst.Is6() {
				src = a.Addr6()
			}
			if err := send(tr, packet(src, dst, nil)); !errors.Is(err, syscall.ENETUNREACH) {
				t.Errorf("to %v: %v", dst, err)
			}
		}
	})
}
