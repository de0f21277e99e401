// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package rawip

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"protean/transport"
)

const roleEnv = "RAWIP_TEST_ROLE"

// playRole is what the test binary does when a test has started it as another
// user, or to become one.
func playRole(role string) int {
	var err error
	switch {
	case strings.HasPrefix(role, "worker"):
		err = work(role)
	case role == "unprivileged":
		err = openUnprivileged()
	default:
		err = dropAndGoOn(role)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// openUnprivileged prints why Open fails.
func openUnprivileged() error {
	_, err := Open(nil)
	fmt.Println(err)
	return denied(err)
}

// denied returns nil if err is what the lack of a capability gives.
func denied(err error) error {
	var p *transport.PermissionError
	if !errors.As(err, &p) || p.Capability != "CAP_NET_RAW" || p.Hint == "" || !errors.Is(err, os.ErrPermission) || !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("error %v, want a PermissionError for CAP_NET_RAW", err)
	}
	return nil
}

// work echoes over sockets that were passed.
func work(role string) error {
	if _, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, 253); err != unix.EPERM {
		return fmt.Errorf("the worker has privileges: %v", err)
	}
	files, err := passedFiles(role == "worker")
	if err != nil {
		return err
	}
	tr, err := FromFiles(nil, files...)
	if err != nil {
		return err
	}
	closeAll(files)
	return echo(tr)
}

// passedFiles returns the files that this process was started with behind that
// of the program, or those that come through the first of them.
func passedFiles(direct bool) (files []*os.File, err error) {
	if direct {
		for fd := 4; fd < 64; fd++ {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
				if n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil && n == unix.SOCK_RAW {
					files = append(files, os.NewFile(uintptr(fd), fmt.Sprint("passed ", fd)))
				}
			}
		}
		return files, nil
	}
	b, oob := make([]byte, 100), make([]byte, 1000)
	_, n, _, _, err := unix.Recvmsg(4, b, oob, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("recvmsg", err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return nil, err
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}

// dropAndGoOn opens a transport, becomes unprivileged, and echoes.
func dropAndGoOn(role string) error {
	if path, ok := strings.CutPrefix(role, "change the user, elsewhere "); ok {
		return bindElsewhere(path)
	}
	var cfg Config
	if strings.Contains(role, "Kernel") {
		cfg.Header = Kernel
	}
	tr, err := Open(&cfg)
	if err != nil {
		return err
	}
	if err := tr.Bind(253); err != nil {
		return err
	}
	if role == "change the user" {
		err = syscall.Setuid(65534)
	} else {
		err = dropCapabilities()
	}
	if err != nil {
		return err
	}
	return echo(tr)
}

// bindElsewhere binds in a namespace that it may not enter any more.
func bindElsewhere(path string) error {
	tr, err := Open(&Config{NetNS: path})
	if err != nil {
		return err
	}
	defer tr.Close()
	if err := syscall.Setuid(65534); err != nil {
		return err
	}
	err = tr.Bind(253)
	var p *transport.PermissionError
	if !errors.As(err, &p) || p.Capability != "CAP_SYS_ADMIN" {
		return fmt.Errorf("error %v, want a PermissionError for CAP_SYS_ADMIN", err)
	}
	fmt.Println("bye")
	return nil
}

// dropCapabilities takes all of them from this thread, on which all that follows
// runs. For all threads at once a program in which C is linked needs libcap.
func dropCapabilities() error {
	runtime.LockOSThread()
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return os.NewSyscallError("capset", unix.Capset(&head, &none[0]))
}

// echo binds protocol 253, tries what must and must not work without privileges,
// and sends back what comes until it is "quit".
func echo(tr *Transport) error {
	if err := tr.Bind(253); err != nil {
		return fmt.Errorf("binding 253: %w", err)
	}
	if err := denied(tr.Bind(254)); err != nil {
		return fmt.Errorf("binding 254: %w", err)
	}
	c := tr.Caps()
	if !c.V4 || !c.V6 || !c.QuotesErrors || c.SendOnly || tr.BufferSize() == 0 {
		return fmt.Errorf("capabilities %+v", c)
	}
	ifindex := 0
	for _, f := range tr.Interfaces() {
		if f.Name == "eth0" {
			ifindex = f.Index
		}
	}
	for _, group := range []string{"239.1.2.3", "ff15::1"} {
		a := netip.MustParseAddr(group)
		if err := tr.Join(ifindex, a); err != nil {
			return err
		}
		if err := tr.Leave(ifindex, a); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	q, e := tr.Queues()[0], &echoer{tr: tr}
	for e.err == nil {
		if _, err := q.Recv(e, 64); err != nil {
			return err
		}
		for _, p := range e.replies {
			if err := trySend(tr, 0, p); err != nil {
				return err
			}
		}
		e.replies = nil
		if e.quit {
			break
		}
		if err := q.Wait(time.Now().Add(10 * time.Second)); err != nil {
			return err
		}
	}
	if err := tr.Unbind(253); err != nil {
		return err
	}
	if err := denied(tr.Bind(253)); err != nil {
		return fmt.Errorf("binding 253 again: %w", err)
	}
	if err := tr.Close(); err != nil {
		return err
	}
	fmt.Println("bye")
	return e.err
}

type echoer struct {
	tr      *Transport
	replies [][]byte
	quit    bool
	err     error
}

func (e *echoer) Deliver(p *transport.Packet) {
	if string(p.Payload()) == "quit" {
		e.quit = true
		return
	}
	if _, err := e.tr.Route(p.Src(), 0); err != nil {
		e.err = err
	}
	h := header{src: p.Dst(), dst: p.Src()}
	e.replies = append(e.replies, packet(h, append([]byte("echo of "), p.Payload()...)))
}

func (e *echoer) Event(ev *transport.Event) {
	if ev.Kind == transport.LinkChanged && ev.Interface.Name == "eth0" {
		fmt.Println("link changed")
	}
}
