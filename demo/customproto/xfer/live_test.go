// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport/netlab"
	"protean/transport/rawip"
	"protean/transport/sim"
)

// transfer moves a file between two running hosts, and returns the sender's
// figures, and the errors of both.
func transfer(t testing.TB, a, b *proto.Host, cfg SenderConfig, file io.Reader, store Store) (st Stats, sent, received error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	r := NewReceiver(nil)
	bindB, err := b.HandleWith(r, Options(Protocol))
	if err != nil {
		t.Fatal(err)
	}
	defer bindB.Close()
	down := NewDownload(bindB, r, store)
	done := make(chan error, 1)
	go func() { done <- down.Run(ctx) }()

	s := NewSender(cfg)
	bindA, err := a.HandleWith(s, Options(Protocol))
	if err != nil {
		cancel()
		<-done
		t.Fatal(err)
	}
	defer bindA.Close()
	up := NewUpload(bindA, s, file)
	sent = up.Run(ctx)
	if sent != nil {
		cancel()
	}
	received = <-done
	if st, err = up.Stats(); err != nil {
		t.Error(err)
	}
	if sent == nil && received == nil && up.Sum() != down.Sum() {
		t.Error("the SHA-256 differs")
	}
	return st, sent, received
}

func TestSameHandlersWorkInRealTime(t *testing.T) {
	cfg := &prototest.Config{Link: sim.LinkConfig{Delay: time.Millisecond, Rate: 200e6, Loss: 0.02, Reorder: 0.01, Duplicate: 0.01}}
	n := prototest.LivePair(t, cfg)
	for _, dst := range []netip.Addr{n.B.Addr4, n.B.Addr6} {
		// The window is passed several times, by a size that divides nothing.
		file := content(3_333_333, 1)
		var out memory
		_, sent, received := transfer(t, n.A.Host, n.B.Host, SenderConfig{
			Peer: dst, Name: "file", Size: int64(len(file)), Window: 300_000,
		}, bytes.NewReader(file), &out)
		if sent != nil || received != nil || !bytes.Equal(out.Bytes(), file) {
			t.Errorf("sender: %v, receiver: %v, %d of %d bytes", sent, received, out.Len(), len(file))
		}
	}
}

func TestFileThatIsShorterThanOfferedIsCancelled(t *testing.T) {
	n := prototest.LivePair(t, nil)
	var out memory
	_, sent, received := transfer(t, n.A.Host, n.B.Host, SenderConfig{Peer: n.B.Addr4, Name: "file", Size: 1000},
		bytes.NewReader(make([]byte, 999)), &out)
	if !errors.Is(sent, io.ErrUnexpectedEOF) {
		t.Errorf("sender: %v, want %v", sent, io.ErrUnexpectedEOF)
	}
	if received == nil || out.committed {
		t.Errorf("receiver: %v, committed: %v, want an error and false", received, out.committed)
	}
}

// nowhere is a store that keeps nothing.
type nowhere struct{}

func (nowhere) Create(Offer, netip.Addr) (File, error) { return nowhere{}, nil }
func (nowhere) Write(p []byte) (int, error)            { return len(p), nil }
func (nowhere) Commit() error                          { return nil }
func (nowhere) Discard()                               {}

// rawHost runs a host over raw sockets in a node of a lab.
func rawHost(t testing.TB, n *netlab.Node, cfg rawip.Config) *proto.Host {
	t.Helper()
	cfg.NetNS = n.NetNS()
	tr, err := rawip.Open(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	h, err := proto.NewHost(tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestFileCrossesAPathThatIsNarrowerThanTheFirstLink: what is lost at first is
// sent again, in fragments.
func TestFileCrossesAPathThatIsNarrowerThanTheFirstLink(t *testing.T) {
	lab := netlab.Test(t, netlab.Line(1).WithLinkMTU(1, 1300))
	a, b := rawHost(t, lab.Node("a"), rawip.Config{}), rawHost(t, lab.Node("b"), rawip.Config{})
	for _, dst := range []netip.Addr{lab.Node("b").Addr4(), lab.Node("b").Addr6()} {
		file := content(200_000, 1)
		var out memory
		_, sent, received := transfer(t, a, b, SenderConfig{Peer: dst, Name: "file", Size: int64(len(file))}, bytes.NewReader(file), &out)
		if sent != nil || received != nil || !bytes.Equal(out.Bytes(), file) {
			t.Errorf("to %v: sender: %v, receiver: %v, %d of %d bytes", dst, sent, received, out.Len(), len(file))
		}
	}
}

func TestLargeFileCrossesRawSockets(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := rawHost(t, lab.Node("a"), rawip.Config{}), rawHost(t, lab.Node("b"), rawip.Config{Rate: 60_000})
	for _, tt := range []struct {
		name string
		dst  netip.Addr
	}{{"IPv4", lab.Node("b").Addr4()}, {"IPv6", lab.Node("b").Addr6()}} {
		t.Run(tt.name, func(t *testing.T) {
			if !tt.dst.IsValid() {
				t.Skip("the kernel has no IPv6")
			}
			const size = 100 << 20
			file := rand.NewChaCha8([32]byte{1})
			st, sent, received := transfer(t, a, b, SenderConfig{Peer: tt.dst, Name: "file", Size: size}, file, nowhere{})
			if sent != nil || received != nil || st.Bytes != size {
				t.Fatalf("sender: %v, receiver: %v, %d bytes", sent, received, st.Bytes)
			}
			t.Logf("%.0f Mbit/s, %+v", st.Rate()/1e6, st)
		})
	}
}

func TestReceiveBufferThatIsTooSmallOnlySlowsDown(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a := rawHost(t, lab.Node("a"), rawip.Config{})
	b := rawHost(t, lab.Node("b"), rawip.Config{RcvBuf: 64 << 10}) // some 28 packets
	const size = 10 << 20
	file := rand.NewChaCha8([32]byte{1})
	st, sent, received := transfer(t, a, b, SenderConfig{Peer: lab.Node("b").Addr4(), Name: "file", Size: size}, file, nowhere{})
	if sent != nil || received != nil || st.Bytes != size {
		t.Fatalf("sender: %v, receiver: %v, %d bytes", sent, received, st.Bytes)
	}
	t.Logf("%.0f Mbit/s, %d packets lost, %+v", st.Rate()/1e6, b.Stats().Transport.Lost, st)
}
