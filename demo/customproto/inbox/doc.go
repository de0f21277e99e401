// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

// Package inbox is a directory that takes files from a peer who may be
// hostile. A file appears under its name only when it is complete, and never
// replaces another unless that was allowed.
//
//	in, err := inbox.Open(inbox.Config{Dir: "Downloads"})
//	defer in.Close()
//	err = xfer.NewDownload(binding, receiver, in).Run(ctx)
//
// # What a peer cannot do
//
// Names that are more than a name are refused: path separators, "..", names
// that begin with a dot and would be hidden, control characters. Should one slip
// through, os.Root keeps everything inside the directory, symbolic links
// included. Files larger than a limit are refused before the first byte.
//
// # How a file is stored
//
// It is written to a temporary file in the directory, with a name that begins
// with a dot, then flushed to disk, then linked to its name, which fails if
// there is one already, or, if files may be replaced, renamed.
package inbox
