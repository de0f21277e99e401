// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package inbox

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"protean/demo/customproto/xfer"
)

// Config holds the options of an inbox.
type Config struct {
	Dir     string // must exist; "" is the current directory
	MaxSize int64  // bytes of one file; 0: no limit
	Force   bool   // replace files of the same name

	// Log, if not nil, is told of each offer and what became of it: err is nil
	// if it was accepted. Names are printed with %q: they may hold anything.
	Log func(o xfer.Offer, from netip.Addr, err error)
}

// An Inbox is an open directory. It implements [xfer.Store].
type Inbox struct {
	cfg  Config
	root *os.Root
}

// Open opens an inbox. The caller closes it.
func Open(cfg Config) (*Inbox, error) {
	if cfg.Dir == "" {
		cfg.Dir = "."
	}
	root, err := os.OpenRoot(cfg.Dir)
	if err != nil {
		return nil, err
	}
	return &Inbox{cfg, root}, nil
}

// Close closes the directory.
func (in *Inbox) Close() error { return in.root.Close() }

// Create implements [xfer.Store].
func (in *Inbox) Create(o xfer.Offer, from netip.Addr) (xfer.File, error) {
	f, err := in.create(o)
	if in.cfg.Log != nil {
		in.cfg.Log(o, from, err)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (in *Inbox) create(o xfer.Offer) (*file, error) {
	if err := CheckName(o.Name); err != nil {
		return nil, err
	}
	if in.cfg.MaxSize > 0 && o.Size > in.cfg.MaxSize {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are taken", xfer.TooLarge, o.Size, in.cfg.MaxSize)
	}
	if !in.cfg.Force {
		if _, err := in.root.Lstat(o.Name); err == nil {
			return nil, xfer.Exists
		}
	}
	for {
		temp := fmt.Sprintf(".customproto-%016x.part", rand.Uint64())
		f, err := in.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", xfer.NotStored, err)
		}
		return &file{File: f, in: in, temp: temp, name: o.Name}, nil
	}
}

// CheckName returns an error that is xfer.BadName for a name that must not be
// stored under.
func CheckName(name string) error {
	reason := ""
	switch {
	case name == "":
		reason = "it is empty"
	case len(name) > 255:
		reason = "it is longer than 255 bytes"
	case !utf8.ValidString(name):
		reason = "it is not UTF-8"
	case strings.HasPrefix(name, "."):
		reason = "it begins with a dot"
	case strings.ContainsAny(name, "/\\:"):
		reason = "it holds a path"
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		reason = "it holds characters that cannot be printed"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s", xfer.BadName, reason)
}
