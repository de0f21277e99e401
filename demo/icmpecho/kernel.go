// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"protean/transport"
)

// A sysctl is a kernel parameter with the value it had.
type sysctl struct {
	name  string // as for sysctl(8)
	value string
}

// The parameters that keep the kernel from answering echo requests,
// Documentation/networking/ip-sysctl.rst. Both belong to a network namespace.
// Raw sockets get the requests whatever they say.
const (
	ignoreEcho4 = "net.ipv4.icmp_echo_ignore_all"
	ignoreEcho6 = "net.ipv6.icmp.echo_ignore_all"
)

func (s *sysctl) path() string { return "/proc/sys/" + strings.ReplaceAll(s.name, ".", "/") }

// read returns the parameter as it is now.
func readSysctl(name string) (sysctl, error) {
	s := sysctl{name: name}
	b, err := os.ReadFile(s.path())
	s.value = strings.TrimSpace(string(b))
	return s, err
}

// set writes a value.
func (s *sysctl) set(value string) error {
	return os.WriteFile(s.path(), []byte(value+"\n"), 0) // the mode is for files that do not exist
}

// restore writes the value it had.
func (s *sysctl) restore() error { return s.set(s.value) }

// A silence keeps the kernel from answering until restore.
type silence struct {
	changed []sysctl
	janitor *janitor
}

// silenceKernel keeps the kernel from answering echo requests of the given
// families in this network namespace. A parameter that is set already is left
// alone.
func silenceKernel(v4, v6 bool) (*silence, error) {
	lock, err := takeLock()
	if err != nil {
		return nil, err
	}
	defer lock.Close() // the janitor has its own descriptor
	// Not before: who had the lock may just have put them back.
	changed, err := answering(v4, v6)
	if err != nil {
		return nil, err
	}
	j, err := startJanitor(lock, changed)
	if err != nil {
		return nil, fmt.Errorf("cannot make sure that the kernel's settings come back: %w", err)
	}
	k := &silence{changed, j}
	for i := range changed {
		if err := changed[i].set("1"); err != nil {
			k.changed = changed[:i]
			return nil, errors.Join(silenceError(changed[i].name, err), k.restore())
		}
	}
	return k, nil
}

// answering returns the parameters by which the kernel answers now.
func answering(v4, v6 bool) (all []sysctl, err error) {
	for _, p := range []struct {
		wanted bool
		name   string
	}{{v4, ignoreEcho4}, {v6, ignoreEcho6}} {
		if !p.wanted {
			continue
		}
		s, err := readSysctl(p.name)
		if err != nil {
			return nil, silenceError(p.name, err)
		}
		if s.value == "0" {
			all = append(all, s)
		}
	}
	return all, nil
}

// silenceError explains why the kernel cannot be kept from answering.
func silenceError(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the kernel cannot be kept from answering: it has no %s; with --kernel leave it answers too", name)
	case errors.Is(err, fs.ErrPermission):
		return &transport.PermissionError{
			Op: "set " + name, Capability: "CAP_NET_ADMIN", Err: err,
			Hint: "run as root, with /proc/sys writable, or let the kernel answer too with --kernel leave",
		}
	}
	return fmt.Errorf("the kernel cannot be kept from answering: set %s: %w; with --kernel leave it answers too", name, err)
}

// restore gives the parameters their values back. The janitor does it; should
// it be gone, this process does.
func (k *silence) restore() error {
	if k.janitor.end() == nil {
		return nil
	}
	var errs []error
	for i := range k.changed {
		if err := k.changed[i].restore(); err != nil {
			errs = append(errs, fmt.Errorf("%s stays 1: %w", k.changed[i].name, err))
		}
	}
	return errors.Join(errs...)
}
