// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package report

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Machine is where figures are from.
type Machine struct {
	Date     string            `json:"date"`
	CPU      string            `json:"cpu"`
	CPUs     int               `json:"cpus"`
	Kernel   string            `json:"kernel"`
	Go       string            `json:"go"`
	C        string            `json:"cc"`
	Versions map[string]string `json:"versions"` // of the Go modules measured
}

// ThisMachine describes the machine this runs on.
func ThisMachine() Machine {
	m := Machine{Date: time.Now().UTC().Format(time.DateOnly), CPUs: runtime.NumCPU(), Go: runtime.Version(), Versions: map[string]string{}}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = cpuOf(string(text))
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	if text, err := exec.Command("cc", "--version").Output(); err == nil {
		m.C, _, _ = strings.Cut(string(text), "\n")
	}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, d := range b.Deps {
			switch d.Path {
			case "github.com/gopacket/gopacket", "github.com/google/gopacket", "github.com/mdlayher/packet", "golang.org/x/net", "gvisor.dev/gvisor":
				m.Versions[d.Path] = d.Version
			}
		}
	}
	return m
}

// cpuOf returns the first processor of /proc/cpuinfo. The name that a virtual
// machine gives may fit many; family and model tell them apart.
func cpuOf(info string) string {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		k, v, _ := strings.Cut(line, ":")
		if k = strings.TrimSpace(k); fields[k] == "" {
			fields[k] = strings.TrimSpace(v)
		}
	}
	name := fields["model name"]
	if f, m := fields["cpu family"], fields["model"]; f != "" && m != "" {
		name += " (family " + f + ", model " + m + ")"
	}
	return name
}
