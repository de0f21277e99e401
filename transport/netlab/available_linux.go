// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package netlab

import (
	"fmt"
	"os/exec"
	"syscall"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"protean/transport/internal/netns"
)

// Available tries out whether this process, as it is, can build labs, and
// returns nil or the reason why not.
func Available() error {
	ns, err := netns.New()
	if err != nil {
		return fmt.Errorf("netlab: this process cannot build labs: %w", err)
	}
	defer ns.Close()
	probe := newNode(nodePlan{NodeSpec: NodeSpec{Name: "probe"}}, ns)
	err = probe.Do(func() error { return writeSysctl("net.ipv4.icmp_ratelimit", "0") })
	if err == nil {
		err = probe.netlink(func(c *rtnetlink.Conn) error { return setFlags(c, loopbackIndex, unix.IFF_UP) })
	}
	if err != nil {
		return fmt.Errorf("netlab: this process cannot build labs: %w", err)
	}
	return nil
}

// dieWithParent has the process of cmd killed when the thread that starts it
// ends.
func dieWithParent(cmd *exec.Cmd) {
	attr := syscall.SysProcAttr{}
	if cmd.SysProcAttr != nil {
		attr = *cmd.SysProcAttr
	}
	attr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = &attr
}
