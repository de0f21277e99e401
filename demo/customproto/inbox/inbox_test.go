// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package inbox_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"protean/demo/customproto/inbox"
	"protean/demo/customproto/xfer"
	"protean/proto/prototest"
)

func TestMain(m *testing.M) { prototest.Main(m) }

func open(t *testing.T, cfg inbox.Config) (*inbox.Inbox, string) {
	t.Helper()
	cfg.Dir = t.TempDir()
	in, err := inbox.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in, cfg.Dir
}

// names returns what is in a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestHostileNamesAreRefused(t *testing.T) {
	in, dir := open(t, inbox.Config{})
	for _, name := range []string{
		"", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "..\\x", "C:x", ".bashrc", "a\x00b", "a\nb",
		"a\x1b[2Jb", "a\u202eb", "\xff", strings.Repeat("x", 256),
	} {
		if _, err := in.Create(xfer.Offer{Name: name}, netip.Addr{}); !errors.Is(err, xfer.BadName) {
			t.Errorf("%q: %v, want %v", name, err, xfer.BadName)
		}
	}
	if got := names(t, dir); got != "" {
		t.Errorf("the directory holds %s", got)
	}
}

func TestFileAppearsOnlyWhenCommitted(t *testing.T) {
	in, dir := open(t, inbox.Config{})
	f, err := in.Create(xfer.Offer{Name: "größe 1.txt", Size: 3}, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("abc")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "größe 1.txt")); err == nil {
		t.Error("the file is there before it is complete")
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	f.Discard() // harmless
	if got := names(t, dir); got != "größe 1.txt" {
		t.Errorf("the directory holds %q", got)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "größe 1.txt")); err != nil || string(b) != "abc" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

func TestDiscardedFileLeavesNothing(t *testing.T) {
	in, dir := open(t, inbox.Config{})
	f, err := in.Create(xfer.Offer{Name: "a"}, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	f.Discard()
	if got := names(t, dir); got != "" {
		t.Errorf("the directory holds %q", got)
	}
}

func TestExistingFileIsKeptUnlessForced(t *testing.T) {
	for _, force := range []bool{false, true} {
		in, dir := open(t, inbox.Config{Force: force})
		// One file is there before the offer, one comes while it is received.
		path := filepath.Join(dir, "late")
		f, err := in.Create(xfer.Offer{Name: "late"}, netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		err = f.Commit()
		f.Discard()
		if force != (err == nil) || !force && !errors.Is(err, xfer.Exists) {
			t.Errorf("force=%v: Commit: %v", force, err)
		}
		want := "old"
		if force {
			want = ""
		}
		if b, _ := os.ReadFile(path); string(b) != want {
			t.Errorf("force=%v: the file holds %q, want %q", force, b, want)
		}
		if got := names(t, dir); got != "late" {
			t.Errorf("force=%v: the directory holds %q", force, got)
		}
		again, err := in.Create(xfer.Offer{Name: "late"}, netip.Addr{})
		if force != (err == nil) || !force && !errors.Is(err, xfer.Exists) {
			t.Errorf("force=%v: Create: %v", force, err)
		}
		if err == nil {
			again.Discard()
		}
	}
}

func TestSymbolicLinksDoNotLeadOutside(t *testing.T) {
	in, dir := open(t, inbox.Config{Force: true})
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	f, err := in.Create(xfer.Offer{Name: "link"}, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(outside); string(b) != "old" {
		t.Errorf("the file outside holds %q", b)
	}
}

func TestLargeFilesAreRefused(t *testing.T) {
	in, _ := open(t, inbox.Config{MaxSize: 10})
	if _, err := in.Create(xfer.Offer{Name: "a", Size: 11}, netip.Addr{}); !errors.Is(err, xfer.TooLarge) {
		t.Errorf("%v, want %v", err, xfer.TooLarge)
	}
	f, err := in.Create(xfer.Offer{Name: "a", Size: 10}, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
}

func TestMissingDirectoryIsAnError(t *testing.T) {
	if _, err := inbox.Open(inbox.Config{Dir: filepath.Join(t.TempDir(), "none")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v, want %v", err, os.ErrNotExist)
	}
}
