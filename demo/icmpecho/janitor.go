// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// The janitor is a process of its own that puts kernel parameters back when
// the program that changed them is gone, also when that was killed without a
// chance to do so itself. It holds the read end of a pipe whose write end the
// program has: the end of file tells it that the program has ended. It is
// started with the values to put back, in the network namespace of the program.

const janitorName = "janitor"

// janitorCommand is not for users.
func janitorCommand() *cobra.Command {
	return &cobra.Command{
		Use:    janitorName + " NAME=VALUE...",
		Short:  "Put kernel parameters back when standard input ends",
		Hidden: true,
		RunE: func(c *cobra.Command, args []string) error {
			return janitorMain(args, os.Stdin, os.Stdout)
		},
	}
}

// janitorMain is what the janitor does. A line on out says that it is there.
func janitorMain(args []string, in io.Reader, out io.Writer) error {
	var all []sysctl
	for _, a := range args {
		s, err := parseSetting(a)
		if err != nil {
			return err
		}
		all = append(all, s)
	}
	// Whoever interrupts the program must not interrupt its janitor.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGPIPE)
	fmt.Fprintln(out, "ready")
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	var errs []error
	for i := range all {
		errs = append(errs, all[i].restore())
	}
	return errors.Join(errs...)
}

// parseSetting refuses anything but the parameters that respond changes.
func parseSetting(text string) (sysctl, error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || !slices.Contains([]string{ignoreEcho4, ignoreEcho6}, name) || value != "0" && value != "1" {
		return sysctl{}, fmt.Errorf("%q is not a setting to put back", text)
	}
	return sysctl{name, value}, nil
}
