// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package peers

import (
	"errors"
	"protean/docs/performance/internal/worker"
	"syscall"

	"golang.org/x/sys/unix"
)

// force gives a socket the large receive buffer that all have.
func force(c syscall.Conn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var bad error
	err = raw.Control(func(fd uintptr) {
		bad = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, worker.BufferSize)
	})
	return errors.Join(err, bad)
}
