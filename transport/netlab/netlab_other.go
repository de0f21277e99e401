// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

//go:build !linux

package netlab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

func unsupported() error {
	return fmt.Errorf("netlab: network namespaces on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Enter returns an error that matches [errors.ErrUnsupported].
func Enter() (exitCode int, done bool, err error) { return 0, false, unsupported() }

// Available returns an error that matches [errors.ErrUnsupported].
func Available() error { return unsupported() }

func (l *Lab) build(*plan) error                          { return unsupported() }
func (n *Node) setLink(f Interface, i int, up bool) error { return unsupported() }
func (n *Node) setMTU(f Interface, mtu int) error         { return unsupported() }
func (n *Node) replug(f Interface) error                  { return unsupported() }
func (n *Node) tun(string, int) (*os.File, int, error)    { return nil, 0, unsupported() }
func dieWithParent(*exec.Cmd)                             {}
