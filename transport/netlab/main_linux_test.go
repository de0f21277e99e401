// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"protean/transport/netlab"
	"protean/transport/transporttest"
)

// roleEnv makes the test binary act as one of the programs in roles instead of
// running tests.
const roleEnv = "NETLAB_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(playRole(role))
	}
	os.Exit(netlab.Main(transporttest.Checked(m)))
}

// holders returns the namespaces, of those in ids ("net:[4026532000]"), that
// some process visible to this one still has a thread in, a descriptor of, or
// a mount on.
func holders(t *testing.T, ids []string) []string {
	t.Helper()
	seen := map[string]bool{}
	for _, pattern := range []string{"/proc/[0-9]*/task/[0-9]*/ns/net", "/proc/[0-9]*/fd/[0-9]*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if target, err := os.Readlink(path); err == nil {
				seen[target] = true
			}
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var held []string
	for _, id := range ids {
		if seen[id] || bytes.Contains(mounts, []byte(" "+id+" ")) {
			held = append(held, id)
		}
	}
	return held
}

// eventually waits for something the kernel does in its own time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still not so: %s", what)
		}
	}
}

// rootless reports whether this process is root of a user namespace only.
func rootless(t *testing.T) bool {
	t.Helper()
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295"
}
