// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"fmt"
	"net"
	"os"
	"slices"

	"protean/transport/internal/passfd"
)

// Files returns duplicates of the transport's sockets: those that send, and of
// each bound protocol those that receive and those of its guard. They are meant
// to be passed to a process without privileges, by [os/exec.Cmd.ExtraFiles] or
// SCM_RIGHTS (unix(7)), which makes a transport of all of them with [FromFiles].
// The caller closes them, and this transport, once they are passed: packets come
// to whoever reads them first.
//
// As long as anybody has a duplicate, the kernel does not answer for the
// protocol, also after Close. Errors: net.ErrClosed, and *[net.OpError] around
// an [*os.SyscallError].
func (t *Transport) Files() ([]*os.File, error) {
	if !t.calls.Enter() {
		return nil, net.ErrClosed
	}
	defer t.calls.Leave()
	t.mu.Lock()
	defer t.mu.Unlock()
	files, err := t.files()
	if err != nil {
		for _, f := range files {
			f.Close()
		}
		return nil, err
	}
	return files, nil
}

func (t *Transport) files() (files []*os.File, err error) {
	add := func(fd int, what string) error {
		f, err := passfd.File(fd, name+":"+what)
		if err == nil {
			files = append(files, f)
		}
		return opWrap("export", err)
	}
	for i := range t.senders {
		if s := t.senders[i].Load(); s != nil {
			if err := add(s.fd, "send"); err != nil {
				return files, err
			}
		}
	}
	for p, b := range t.bound {
		for _, s := range b.socks {
			if err := add(s.fd, fmt.Sprint("receive:", p)); err != nil {
				return files, err
			}
		}
		if b.guard != nil {
			guards, err := b.guard.Files()
			if files = slices.Concat(files, guards); err != nil {
				return files, err
			}
		}
	}
	return files, nil
}
