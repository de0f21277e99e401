// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"protean/proto"
	"protean/proto/prototest"
	"protean/transport"
	"protean/transport/sim"
)

func TestNetworkErrorsEndATransferOnlyBeforeItHasBegun(t *testing.T) {
	unreachable := func(tr *trial, conn uint64) *proto.NetworkError {
		return &proto.NetworkError{
			Origin: transport.OriginICMP, Type: 3, Code: 2, Errno: syscall.ENOPROTOOPT,
			Dst: tr.net.B.Addr4, Quoted: forge(kindOffer, conn, 0, make([]byte, offerLen+1)),
		}
	}
	report := func(tr *trial, e *proto.NetworkError) (over bool, err error) {
		errDo := tr.up.b.Do(func(env *proto.Env) {
			err = tr.s.HandleError(env, e)
			if err == nil {
				over, err = tr.s.Ended()
			}
		})
		if errDo != nil {
			t.Fatal(errDo)
		}
		return over, err
	}
	tr := newTrial(t, &prototest.Config{Link: sim.LinkConfig{Rate: 1e6}}, content(1<<20, 1), false)
	if over, _ := report(tr, unreachable(tr, tr.s.conn+1)); over {
		t.Error("an error about another connection ended the transfer")
	}
	if over, err := report(tr, unreachable(tr, tr.s.conn)); !over || !errors.Is(err, syscall.ENOPROTOOPT) {
		t.Errorf("while it was being offered: over %v, %v", over, err)
	}
	tr = newTrial(t, &prototest.Config{Link: sim.LinkConfig{Rate: 1e6}}, content(1<<20, 1), false)
	for range 100 {
		if err := tr.step(); err != nil {
			t.Fatal(err)
		}
	}
	if over, err := report(tr, unreachable(tr, tr.s.conn)); over || err != nil {
		t.Errorf("while it was in progress: over %v, %v", over, err)
	}
}

func TestSenderGivesUpWhenNobodyAnswers(t *testing.T) {
	tr := newTrial(t, &prototest.Config{Link: sim.LinkConfig{Loss: 1}}, content(1000, 1), false)
	tr.downDone = true
	if err := tr.run(15 * time.Second); err != nil {
		t.Fatal(err)
	}
	if e := (*TimeoutError)(nil); !errors.As(tr.upErr, &e) || e.Peer != tr.net.B.Addr4 {
		t.Errorf("sender: %v, want a *TimeoutError", tr.upErr)
	}
}

func TestBothSidesGiveUpWhenTheLinkGoesDown(t *testing.T) {
	link := sim.LinkConfig{Delay: 5 * time.Millisecond, Rate: 10e6}
	tr := newTrial(t, &prototest.Config{Link: link}, content(2<<20, 1), false)
	for range 300 {
		if err := tr.step(); err != nil {
			t.Fatal(err)
		}
	}
	if tr.s.state != sending || tr.r.state != receiving {
		t.Fatalf("sender in state %v, receiver in %v, want a transfer in progress", tr.s.state, tr.r.state)
	}
	tr.net.Link.SetUp(false)
	if err := tr.run(25 * time.Second); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{tr.upErr, tr.downErr} {
		if e := (*TimeoutError)(nil); !errors.As(err, &e) {
			t.Errorf("%v, want a *TimeoutError", err)
		}
	}
	if tr.out.committed {
		t.Error("a part of the file was committed")
	}
}

func TestTransferSurvivesAnOutage(t *testing.T) {
	link := sim.LinkConfig{Delay: 5 * time.Millisecond, Rate: 10e6}
	tr := newTrial(t, &prototest.Config{Link: link}, content(1<<20, 1), false)
	for range 300 {
		if err := tr.step(); err != nil {
			t.Fatal(err)
		}
	}
	tr.net.Link.SetUp(false)
	for range 4000 {
		if err := tr.step(); err != nil {
			t.Fatal(err)
		}
	}
	tr.net.Link.SetUp(true)
	if err := tr.run(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := tr.check(); err != nil {
		t.Error(err)
	}
}

func TestRefusalReachesTheSender(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want Code
	}{
		{"with a code", fmt.Errorf("wrapped: %w", Exists), Exists},
		{"with another error", errors.New("no"), Refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTrial(t, nil, content(1000, 1), false)
			tr.out.refuse = tt.err
			tr.downDone = true
			for !tr.upDone {
				if err := tr.step(); err != nil {
					t.Fatal(err)
				}
				if _, err := tr.down.Step(); err != nil {
					t.Fatal(err)
				}
			}
			if !errors.Is(tr.upErr, tt.want) {
				t.Errorf("sender: %v, want %v", tr.upErr, tt.want)
			}
			if tr.r.state != listening {
				t.Errorf("the receiver is in state %v, want it to listen again", tr.r.state)
			}
		})
	}
}

func TestWrongDigestIsAnIntegrityFailureOnBothSides(t *testing.T) {
	tr := newTrial(t, nil, content(10_000, 1), false)
	tr.up.hash.Write([]byte("something else"))
	if err := tr.run(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(tr.upErr, Mismatch) || !errors.Is(tr.downErr, Mismatch) {
		t.Errorf("sender: %v, receiver: %v, want %v twice", tr.upErr, tr.downErr, Mismatch)
	}
	if tr.out.committed || !tr.out.discarded {
		t.Error("the file was not discarded")
	}
}

func TestClosingTheBindingTellsTheOtherSide(t *testing.T) {
	tr := newTrial(t, &prototest.Config{Link: sim.LinkConfig{Rate: 1e6}}, content(1<<20, 1), false)
	for range 100 {
		if err := tr.step(); err != nil {
			t.Fatal(err)
		}
	}
	if err := tr.up.b.Close(); err != nil {
		t.Fatal(err)
	}
	tr.upDone = true
	if err := tr.run(2 * time.Second); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(tr.downErr, Cancelled) {
		t.Errorf("receiver: %v, want %v", tr.downErr, Cancelled)
	}
}

func TestSecondSenderIsToldThatTheReceiverIsBusy(t *testing.T) {
	tr := newTrial(t, &prototest.Config{Link: sim.LinkConfig{Rate: 1e6}}, content(1<<20, 1), false)
	for range 100 {
		if err := tr.step(); err != nil {
			t.Fatal(err)
		}
	}
	second := NewSender(SenderConfig{Peer: tr.net.B.Addr4, Name: "second", Size: 1})
	tr.net.A.RegisterWith(t, second, Options(Protocol))
	tr.net.RunUntil(t, 5*time.Second, func() bool { over, _ := second.Ended(); return over })
	if _, err := second.Ended(); !errors.Is(err, Busy) {
		t.Errorf("second sender: %v, want %v", err, Busy)
	}
	if err := tr.run(time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := tr.check(); err != nil {
		t.Error(err)
	}
}

func TestOffersFromOthersThanThePeerAreDropped(t *testing.T) {
	n := prototest.Pair(t, nil)
	r := NewReceiver(&ReceiverConfig{From: netip.MustParseAddr("10.0.0.99")})
	b := n.B.RegisterWith(t, r, Options(Protocol))
	n.A.RegisterWith(t, NewSender(SenderConfig{Peer: n.B.Addr4, Name: "x"}), Options(Protocol))
	n.Run(t, time.Second)
	if st := b.Stats(); st.Sent != 0 || st.Dropped.Total() == 0 {
		t.Errorf("the receiver sent %d packets and dropped %d, want none and some", st.Sent, st.Dropped.Total())
	}
}

func TestConfigurationsThatCannotBeAreRefused(t *testing.T) {
	n := prototest.Pair(t, nil)
	for _, cfg := range []SenderConfig{
		{Peer: n.B.Addr4},
		{Peer: n.B.Addr4, Name: string(make([]byte, 256))},
		{Peer: n.B.Addr4, Name: "\xff"},
		{Peer: n.B.Addr4, Name: "x", Size: -1},
		{Peer: n.B.Addr4, Name: "x", Size: maxSize + 1},
		{Name: "x"},
		{Peer: netip.MustParseAddr("224.0.0.1"), Name: "x"},
		{Peer: netip.MustParseAddr("fe80::1"), Name: "x"},
		{Peer: netip.MustParseAddr("fe80::1%eth9"), Name: "x"},
	} {
		if _, err := n.A.HandleWith(NewSender(cfg), Options(Protocol)); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}
