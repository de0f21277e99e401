// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package guard

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"protean/transport/internal/passfd"
)

func filesOf(sockets []int, protocol int) (files []*os.File, err error) {
	for _, fd := range sockets {
		f, err := passfd.File(fd, fmt.Sprintf("guard:%d", protocol))
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			return nil, fileError(err)
		}
		files = append(files, f)
	}
	return files, nil
}

func fromFiles(files []*os.File) (*Guard, error) {
	g := &Guard{}
	var fds [2]int // by family
	err := fileError(os.NewSyscallError("getsockopt", unix.EINVAL))
	for _, f := range files {
		if err = g.take(f, &fds); err != nil {
			break
		}
	}
	for i, family := range []Families{V4, V6} {
		if g.families&family != 0 {
			g.sockets = append(g.sockets, fds[i])
		}
	}
	if err != nil {
		g.Close()
		return nil, err
	}
	return g, nil
}

// take makes a file one of the guard's sockets.
func (g *Guard) take(f *os.File, fds *[2]int) error {
	fd, err := passfd.FD(f)
	if err != nil {
		return fileError(err)
	}
	s, err := passfd.Inspect(fd)
	i, family := 0, V4
	if s.V6() {
		i, family = 1, V6
	}
	if err == nil && (!s.Locked || g.families&family != 0 || g.families != 0 && g.protocol != s.Protocol) {
		err = os.NewSyscallError("getsockopt SO_LOCK_FILTER", unix.EINVAL)
	}
	if err != nil {
		unix.Close(fd)
		return fileError(err)
	}
	g.protocol, g.families = s.Protocol, g.families|family
	fds[i] = fd
	return nil
}

func fileError(err error) error {
	return &net.OpError{Op: "guard", Net: "file", Err: err}
}
