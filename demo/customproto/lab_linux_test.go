// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"protean/transport/netlab"
)

// command returns the test binary acting as the command.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), commandEnv+"=1")
	return cmd
}

// status returns the exit status of a command that has ended.
func status(t *testing.T, err error) int {
	t.Helper()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return 0
}

func TestLabTransfersAFile(t *testing.T) {
	netlab.Require(t)
	for _, args := range [][]string{{"--lab", "--size", "4Mi"}, {"--lab", "--size", "4Mi", "-6"}} {
		code, stdout, stderr := call(args...)
		if code != exitOK || !strings.Contains(stdout, "SHA-256   equal: ") {
			t.Errorf("%q: exit status %d\n%s\n%s", args, code, stdout, stderr)
		}
	}
}

// receiving starts recv in a node and returns when it waits for a file.
func receiving(t *testing.T, n *netlab.Node, args ...string) (cmd *exec.Cmd, stdout *bytes.Buffer) {
	t.Helper()
	cmd = command(append([]string{"recv"}, args...)...)
	stdout = new(bytes.Buffer)
	cmd.Stdout = stdout
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(cmd); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(pipe).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "waiting") {
		cmd.Process.Kill()
		rest, _ := io.ReadAll(pipe)
		t.Fatalf("recv: %v: %s%s", err, line, rest)
	}
	go io.Copy(io.Discard, pipe)
	return cmd, stdout
}

func TestCommandsTransferAFileBetweenHosts(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	data := make([]byte, 3_000_001)
	rand.NewChaCha8([32]byte{1}).Read(data)
	file := filepath.Join(t.TempDir(), "a file.bin")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	addresses := []string{b.Addr4().String()}
	if f := b.Interfaces()[0]; f.LinkLocal.IsValid() {
		addresses = append(addresses, b.Addr6().String(), f.LinkLocal.String()+"%eth0")
	}
	transfer := func(address, transport string) {
		t.Run(address+" over "+transport, func(t *testing.T) {
			dir := t.TempDir()
			recv, stdout := receiving(t, b, "-o", dir, "--interface", "eth0", "--transport", transport)
			send := command("send", file, address, "--interface", "eth0", "--transport", transport)
			var out bytes.Buffer
			send.Stdout, send.Stderr = &out, &out
			if err := a.Start(send); err != nil {
				t.Fatal(err)
			}
			if code := status(t, send.Wait()); code != exitOK {
				t.Errorf("send: exit status %d: %s", code, out.String())
			}
			if code := status(t, recv.Wait()); code != exitOK || !strings.Contains(stdout.String(), `"a file.bin"`) {
				t.Errorf("recv: exit status %d: %s", code, stdout.String())
			}
			if got, err := os.ReadFile(filepath.Join(dir, "a file.bin")); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d of %d bytes are there, %v", len(got), len(data), err)
			}
		})
	}
	for _, address := range addresses {
		transfer(address, "raw")
		transfer(address, "packet")
	}
}

func TestExistingFileIsRefusedAndInterruptEndsRecv(t *testing.T) {
	lab := netlab.Test(t, netlab.Pair())
	a, b := lab.Node("a"), lab.Node("b")
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	recv, _ := receiving(t, b, "-o", dir)
	out, err := func() ([]byte, error) {
		var out bytes.Buffer
		send := command("send", file, b.Addr4().String())
		send.Stdout, send.Stderr = &out, &out
		if err := a.Start(send); err != nil {
			t.Fatal(err)
		}
		err := send.Wait()
		return out.Bytes(), err
	}()
	if code := status(t, err); code != exitFailed || !bytes.Contains(out, []byte("has a file of that name")) {
		t.Errorf("send: exit status %d: %s", code, out)
	}
	if err := recv.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := status(t, recv.Wait()); code != exitFailed {
		t.Errorf("recv: exit status %d", code)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files are left", len(entries))
	}
}

func TestWithoutPrivilegesTheErrorNamesTheCapability(t *testing.T) {
	// In a user namespace of its own a process has no power over the network
	// namespace it is in.
	netlab.Require(t)
	cmd := command("recv", "-o", t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	out, err := cmd.CombinedOutput()
	if code := status(t, err); code != exitFailed || !bytes.Contains(out, []byte("CAP_NET_RAW")) {
		t.Errorf("exit status %d: %s", code, out)
	}
}
