// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

const program = "icmpecho"

func main() { os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr)) }

// Exit codes, those of ping(8).
const (
	exitOK       = 0
	exitNoAnswer = 1
	exitFailure  = 2
)

// errNoAnswer ends the program with exitNoAnswer and without a message.
var errNoAnswer = errors.New("a host has not answered")

// execute runs the command line and returns the exit code.
func execute(args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           program,
		Short:         "Ask with ICMP echo requests, and answer them, for IPv4 and IPv6",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(pingCommand(), respondCommand(), janitorCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	switch err := root.Execute(); {
	case err == nil:
		return exitOK
	case errors.Is(err, errNoAnswer):
		return exitNoAnswer
	default:
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return exitFailure
	}
}
