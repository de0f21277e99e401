// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Sysctl sets a network parameter in the node's namespace. The name is that of
// sysctl(8), such as net.ipv4.ip_forward, or, for interfaces with dots in their
// names, the path below /proc/sys.
func (n *Node) Sysctl(name, value string) error {
	return n.Do(func() error { return writeSysctl(name, value) })
}

// ReadSysctl returns the value of a network parameter in the node's namespace,
// without the final newline. Names are those of [Node.Sysctl].
func (n *Node) ReadSysctl(name string) (string, error) {
	var value string
	err := n.Do(func() error {
		path, err := sysctlPath(name)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		value = strings.TrimSuffix(string(b), "\n")
		if err != nil {
			return fmt.Errorf("netlab: sysctl %s: %w", name, err)
		}
		return nil
	})
	return value, err
}

// writeSysctl acts on the calling thread's namespace: the kernel resolves
// /proc/sys/net for the thread that opens it.
func writeSysctl(name, value string) error {
	path, err := sysctlPath(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("netlab: sysctl %s: %w", name, err)
	}
	defer f.Close()
	// A newline makes an empty value something to write.
	if _, err := f.WriteString(value + "\n"); err != nil {
		return fmt.Errorf("netlab: sysctl %s = %q: %w", name, value, err)
	}
	return nil
}

// sysctlPath keeps writes below /proc/sys/net: the rest of /proc/sys belongs to
// the host.
func sysctlPath(name string) (string, error) {
	path := name
	if !strings.Contains(path, "/") {
		path = strings.ReplaceAll(path, ".", "/")
	}
	if !strings.HasPrefix(path, "net/") || !fs.ValidPath(path) {
		return "", fmt.Errorf("netlab: %q is not the name of a network parameter", name)
	}
	return "/proc/sys/" + path, nil
}
