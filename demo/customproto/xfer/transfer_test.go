// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"protean/proto/prototest"
	"protean/transport/sim"
)

// memory is a store that keeps the file in memory.
type memory struct {
	bytes.Buffer
	offer     Offer
	refuse    error
	committed bool
	discarded bool
}

func (m *memory) Create(o Offer, _ netip.Addr) (File, error) {
	if m.refuse != nil {
		return nil, m.refuse
	}
	m.offer = o
	return m, nil
}

func (m *memory) Commit() error { m.committed = true; return nil }
func (m *memory) Discard()      { m.discarded = true }

// content returns n bytes that do not repeat.
func content(n int, seed uint64) []byte {
	b := make([]byte, n)
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	src.Read(b)
	return b
}

// A trial is a transfer over a stepped network.
type trial struct {
	net  *prototest.Net
	s    *Sender
	r    *Receiver
	up   *Upload
	down *Download
	file []byte
	out  *memory

	upDone, downDone bool
	upErr, downErr   error
}

func newTrial(t testing.TB, cfg *prototest.Config, file []byte, v6 bool) *trial {
	t.Helper()
	tr := &trial{net: prototest.Pair(t, cfg), file: file, out: &memory{}}
	dst := tr.net.B.Addr4
	if v6 {
		dst = tr.net.B.Addr6
	}
	tr.r = NewReceiver(nil)
	tr.down = NewDownload(tr.net.B.RegisterWith(t, tr.r, Options(Protocol)), tr.r, tr.out)
	tr.s = NewSender(SenderConfig{Peer: dst, Name: "file", Size: int64(len(file))})
	tr.up = NewUpload(tr.net.A.RegisterWith(t, tr.s, Options(Protocol)), tr.s, bytes.NewReader(file))
	return tr
}

// step lets a millisecond pass, and the applications work.
func (tr *trial) step() error {
	if err := tr.net.Sim.Run(time.Millisecond); err != nil {
		return err
	}
	if !tr.upDone {
		tr.upDone, tr.upErr = tr.up.Step()
	}
	if !tr.downDone {
		tr.downDone, tr.downErr = tr.down.Step()
	}
	return nil
}

// run runs until both sides are done, for at most limit of virtual time.
func (tr *trial) run(limit time.Duration) error {
	for end := tr.net.Sim.Now().Add(limit); !tr.upDone || !tr.downDone; {
		if err := tr.step(); err != nil {
			return err
		}
		if tr.net.Sim.Now().After(end) {
			return fmt.Errorf("not over after %v: sender %v %+v, receiver %v %+v", limit, tr.s.state, tr.s.stats, tr.r.state, tr.r.stats)
		}
	}
	return nil
}

// check says what is wrong with a transfer that should have gone well.
func (tr *trial) check() error {
	switch {
	case tr.upErr != nil || tr.downErr != nil:
		return fmt.Errorf("sender: %v, receiver: %v", tr.upErr, tr.downErr)
	case !tr.out.committed:
		return errors.New("the file was not committed")
	case tr.out.offer != Offer{"file", int64(len(tr.file))}:
		return fmt.Errorf("offered was %+v", tr.out.offer)
	case !bytes.Equal(tr.out.Bytes(), tr.file):
		return fmt.Errorf("%d bytes arrived that differ from the %d sent", tr.out.Len(), len(tr.file))
	}
	return nil
}

func TestFilesOfAllSizesArrive(t *testing.T) {
	const block4, block6 = 1500 - 20 - dataLen, 1500 - 40 - dataLen
	for _, v6 := range []bool{false, true} {
		block := block4
		if v6 {
			block = block6
		}
		for _, size := range []int{0, 1, 2, block - 1, block, block + 1, 2*block - 1, 2 * block, 2*block + 1, 63 * block, 64*block + 1, 5 << 20} {
			t.Run(fmt.Sprintf("v6=%v,size=%d", v6, size), func(t *testing.T) {
				tr := newTrial(t, &prototest.Config{Link: sim.LinkConfig{Delay: time.Millisecond}}, content(size, 1), v6)
				if err := tr.run(10 * time.Second); err != nil {
					t.Fatal(err)
				}
				if err := tr.check(); err != nil {
					t.Error(err)
				}
				if tr.s.offer.block != block {
					t.Errorf("blocks have %d bytes, want %d", tr.s.offer.block, block)
				}
				if tr.s.stats.Resent != 0 {
					t.Errorf("%d packets were sent again on a perfect link", tr.s.stats.Resent)
				}
			})
		}
	}
}

// badLink returns a link with faults that depend on the seed.
func badLink(seed uint64) sim.LinkConfig {
	r := rand.New(rand.NewPCG(seed, 0))
	return sim.LinkConfig{
		Delay:     time.Duration(r.IntN(30)) * time.Millisecond,
		Jitter:    time.Duration(r.IntN(5)) * time.Millisecond,
		Loss:      r.Float64() * 0.15,
		Duplicate: r.Float64() * 0.1,
		Reorder:   r.Float64() * 0.1,
		Rate:      int64(1+r.IntN(100)) * 1e6,
		// Some too short to hold what is on its way.
		QueuePackets: 5 + r.IntN(100),
	}
}

func TestFilesArriveOverBadLinks(t *testing.T) {
	const trials = 300
	for seed := uint64(1); seed <= trials; seed++ {
		link := badLink(seed)
		size := rand.New(rand.NewPCG(seed, 1)).IntN(200_000)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			tr := newTrial(t, &prototest.Config{Link: link, Seed: seed}, content(size, seed), seed%2 == 0)
			err := tr.run(2 * time.Minute)
			if err == nil {
				err = tr.check()
			}
			if err != nil {
				t.Errorf("%d bytes over %+v: %v", size, link, err)
			}
		})
	}
}

func TestRandomLossDoesNotSlowDown(t *testing.T) {
	for _, tt := range []struct {
		loss float64
		want float64 // bits per second, of the 20 million of the link
	}{{0, 18e6}, {0.01, 18e6}, {0.05, 16e6}, {0.1, 14e6}} {
		link := sim.LinkConfig{Delay: 10 * time.Millisecond, Rate: 20e6, Loss: tt.loss}
		tr := newTrial(t, &prototest.Config{Link: link}, content(8<<20, 1), false)
		if err := tr.run(time.Minute); err != nil {
			t.Fatal(err)
		}
		if err := tr.check(); err != nil {
			t.Error(err)
		}
		st, err := tr.up.Stats()
		if err != nil {
			t.Fatal(err)
		}
		if st.Rate() < tt.want {
			t.Errorf("with a loss of %v: %.3g bit/s, want %.3g", tt.loss, st.Rate(), tt.want)
		}
		if f, _ := tr.net.Link.Stats(); float64(st.Resent) > float64(f.Lost)*1.1+5 {
			t.Errorf("with a loss of %v: %d packets sent again, %d lost", tt.loss, st.Resent, f.Lost)
		}
	}
}

func TestSlowApplicationStopsTheSender(t *testing.T) {
	tr := newTrial(t, nil, content(6<<20, 1), false)
	slow := false
	for range 3000 {
		if err := tr.net.Sim.Run(time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.up.Step(); err != nil {
			t.Fatal(err)
		}
		if slow {
			continue
		}
		if _, err := tr.down.Step(); err != nil {
			t.Fatal(err)
		}
		slow = tr.r.state == receiving // from now on it takes nothing
	}
	if got := tr.r.next; got != tr.r.buf.blocks() {
		t.Errorf("%d blocks arrived, want as many as the window holds, %d", got, tr.r.buf.blocks())
	}
	if d := tr.down.b.Stats().Dropped; d.Total() != 0 {
		t.Errorf("packets were dropped: %v", d)
	}
	if err := tr.run(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := tr.check(); err != nil {
		t.Error(err)
	}
}
