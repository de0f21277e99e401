// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package xfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/netip"

	"protean/proto"
)

// A Store takes files. Its errors refuse an offer; one that is a [Code] tells
// the sender why.
type Store interface {
	Create(o Offer, from netip.Addr) (File, error)
}

// A File is being received.
type File interface {
	io.Writer

	// Commit keeps the file. It is called once all of it is written and its
	// SHA-256 was found right.
	Commit() error

	// Discard gives the file up. It is harmless after Commit.
	Discard()
}

// A Download writes what a [Receiver] gets into a file of a store. It is the
// part of a transfer that may block, and so it is not on the loop. One
// goroutine uses it.
type Download struct {
	b     *proto.Binding
	r     *Receiver
	store Store
	file  File
	hash  hash.Hash
	name  string
}

// NewDownload returns a download into a store through the receiver that is
// bound by b.
func NewDownload(b *proto.Binding, r *Receiver, store Store) *Download {
	return &Download{b: b, r: r, store: store, hash: sha256.New()}
}

// Run waits for a file that the store takes, and returns when it is stored and
// the sender knows. Errors: a [Code]; *[TimeoutError]; that of the file; that of
// ctx; net.ErrClosed. The host must be running; where it is driven step by
// step, use Step.
func (d *Download) Run(ctx context.Context) error {
	defer d.discard()
	for {
		done, err := d.Step()
		if done || err != nil {
			return err
		}
		if err := d.b.Await(ctx.Done(), d.ready); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
	}
}

// ready reports whether there is enough for Step to do. It runs on the loop.
func (d *Download) ready(*proto.Env) bool {
	over, _ := d.r.Ended()
	_, _, offered := d.r.Offered()
	_, digest := d.r.Digest()
	return over || offered || digest || d.r.hasMore()
}

// Step does what can be done without waiting for the network, and reports
// whether the transfer is over. Errors are those of Run.
func (d *Download) Step() (done bool, err error) {
	n := 0
	for {
		var (
			o                 Offer
			from              netip.Addr
			data              []byte
			digest            [sha256.Size]byte
			offered, digested bool
		)
		errDo := d.b.Do(func(env *proto.Env) {
			d.r.Consume(env, n)
			done, err = d.r.Ended()
			o, from, offered = d.r.Offered()
			digest, digested = d.r.Digest()
			data = d.r.Data()
		})
		n = 0
		switch {
		case errDo != nil:
			return true, errDo
		case done:
			return true, err
		case offered:
			err = d.open(o, from)
		case len(data) > 0:
			n = min(len(data), chunk)
			err = d.write(data[:n])
		case digested:
			err = d.close(digest)
		default:
			return false, nil
		}
		if err != nil {
			return true, err
		}
	}
}

// open asks the store for a place for the file.
func (d *Download) open(o Offer, from netip.Addr) error {
	f, err := d.store.Create(o, from)
	if err != nil {
		code := Refused
		errors.As(err, &code)
		return d.b.Do(func(env *proto.Env) { d.r.Refuse(env, code) })
	}
	d.file, d.name = f, o.Name
	return d.b.Do(d.r.Accept)
}

func (d *Download) write(data []byte) error {
	d.hash.Write(data)
	if _, err := d.file.Write(data); err != nil {
		return errors.Join(err, d.conclude(NotStored))
	}
	return nil
}

// close keeps the file if it is what was sent.
func (d *Download) close(digest [sha256.Size]byte) error {
	if digest != d.Sum() {
		return d.conclude(Mismatch)
	}
	if err := d.file.Commit(); err != nil {
		return errors.Join(err, d.conclude(NotStored))
	}
	return d.conclude(Stored)
}

func (d *Download) conclude(c Code) error {
	d.discard()
	return d.b.Do(func(env *proto.Env) { d.r.Conclude(env, c) })
}

func (d *Download) discard() {
	if d.file != nil {
		d.file.Discard()
		d.file = nil
	}
}

// Name returns the name under which the file was offered, "" as long as no
// offer was accepted.
func (d *Download) Name() string { return d.name }

// Sum returns the SHA-256 of what was written so far.
func (d *Download) Sum() [sha256.Size]byte { return [sha256.Size]byte(d.hash.Sum(nil)) }

// Stats returns the receiver's figures.
func (d *Download) Stats() (st Stats, err error) {
	err = d.b.Do(func(env *proto.Env) { st = d.r.Stats(env) })
	return st, err
}
