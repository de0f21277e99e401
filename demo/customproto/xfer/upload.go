// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"protean/proto"
)

// chunk is the most bytes read or written between two looks at the transfer.
const chunk = 256 << 10

// An Upload reads a file into a [Sender]. It is the part of a transfer that may
// block, and so it is not on the loop. One goroutine uses it.
type Upload struct {
	b      *proto.Binding
	s      *Sender
	r      io.Reader
	hash   hash.Hash
	read   int64
	hashed bool // all of it, and the Sender knows
}

// NewUpload returns an upload of what r holds through the sender that is bound
// by b.
func NewUpload(b *proto.Binding, s *Sender, r io.Reader) *Upload {
	return &Upload{b: b, s: s, r: r, hash: sha256.New()}
}

// Run does the whole transfer and returns when the receiver has stored the
// file. Errors: a [Code]; *[TimeoutError]; *proto.NetworkError; that of the
// reader; that of ctx; net.ErrClosed. The host must be running; where it is
// driven step by step, use Step.
func (u *Upload) Run(ctx context.Context) error {
	for {
		done, err := u.Step()
		if done || err != nil {
			return err
		}
		if err := u.b.Await(ctx.Done(), u.ready); err != nil {
			u.abort(Cancelled)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
}

// ready reports whether there is enough for Step to do. It runs on the loop.
func (u *Upload) ready(*proto.Env) bool {
	over, _ := u.s.Ended()
	if u.read == u.s.cfg.Size {
		return over || u.s.Accepted() && !u.hashed
	}
	return over || u.s.wantsMore()
}

// Step does what can be done without waiting for the network, and reports
// whether the transfer is over. Errors are those of Run.
func (u *Upload) Step() (done bool, err error) {
	n := 0
	for {
		var space []byte
		errDo := u.b.Do(func(env *proto.Env) {
			u.s.Fill(env, n)
			if u.read == u.s.cfg.Size && !u.hashed && u.s.Accepted() {
				u.hashed = true
				u.s.Finish(env, u.Sum())
			}
			done, err = u.s.Ended()
			space = u.s.Space()
		})
		if errDo != nil {
			return true, errDo
		}
		if done || len(space) == 0 {
			return done, err
		}
		space = space[:min(len(space), chunk)]
		if n, err = io.ReadFull(u.r, space); err != nil {
			u.abort(Cancelled)
			return true, fmt.Errorf("reading the file of %d bytes, at %d: %w", u.s.cfg.Size, u.read+int64(n), err)
		}
		u.hash.Write(space)
		u.read += int64(n)
	}
}

// abort is best effort: the transfer may be over, or the binding closed.
func (u *Upload) abort(c Code) {
	_ = u.b.Do(func(env *proto.Env) { u.s.Abort(env, c) })
}

// Sum returns the SHA-256 of what was read so far.
func (u *Upload) Sum() [sha256.Size]byte { return [sha256.Size]byte(u.hash.Sum(nil)) }

// Stats returns the sender's figures.
func (u *Upload) Stats() (st Stats, err error) {
	err = u.b.Do(func(env *proto.Env) { st = u.s.Stats(env) })
	return st, err
}
