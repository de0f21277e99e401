// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package inbox

import (
	"errors"
	"io/fs"
	"os"

	"protean/demo/customproto/xfer"
)

// A file is being received under a temporary name.
type file struct {
	*os.File
	in         *Inbox
	temp, name string
	done       bool
}

// Commit implements [xfer.File].
func (f *file) Commit() error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if f.in.cfg.Force {
		if err := f.in.root.Rename(f.temp, f.name); err != nil {
			return err
		}
		f.done = true
		return nil
	}
	if err := f.in.root.Link(f.temp, f.name); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return errors.Join(xfer.Exists, err)
		}
		return err
	}
	f.done = true
	return f.in.root.Remove(f.temp)
}

// Discard implements [xfer.File].
func (f *file) Discard() {
	if f.done {
		return
	}
	f.done = true
	f.Close() // of no interest: the file goes away
	f.in.root.Remove(f.temp)
}
