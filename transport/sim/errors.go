// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package sim

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// ErrRunning is returned by the calls that drive a stepped network while
// another one is driving it, which a [Stepper] would do that calls Run.
var ErrRunning = errors.New("sim: the network is being driven already")

// ErrCrashed is returned for what cannot be done with a node that has crashed
// and not been restarted.
var ErrCrashed = errors.New("sim: the node has crashed")

// A PastError says that something was to happen at a time that is over. It
// matches os.ErrInvalid.
type PastError struct {
	At, Now time.Time
}

func (e *PastError) Error() string {
	return "sim: " + e.At.Format(time.RFC3339Nano) + " is over: it is " + e.Now.Format(time.RFC3339Nano)
}

// Is reports whether target is os.ErrInvalid.
func (e *PastError) Is(target error) bool { return target == os.ErrInvalid }

// A ConfigError says which setting of what is wrong.
type ConfigError struct {
	Object string // such as "node a", "interface a:eth0", "link up"
	Field  string // such as "name", "Loss"
	Reason string // a clause: "is not in 0 to 1"
}

func (e *ConfigError) Error() string {
	return "sim: " + e.Object + ": " + e.Field + " " + e.Reason
}

// A StepError says that a [Stepper] returned an error, or panicked: then Err is
// a *[PanicError]. It unwraps to Err.
type StepError struct {
	Handle string    // name of the handle it drives
	Time   time.Time // virtual
	Err    error
}

func (e *StepError) Error() string {
	return "sim: " + e.Handle + " at " + e.Time.Format(time.RFC3339Nano) + ": " + e.Err.Error()
}

func (e *StepError) Unwrap() error { return e.Err }

// A PanicError is a panic of a [Stepper], which a [StepError] wraps: the network
// goes on to work.
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // of the goroutine at that time, as from debug.Stack
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v\n\n%s", e.Value, e.Stack) }

// Unwrap returns Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A ConcurrentError says that two goroutines have sent on one handle at the
// same instant in a bubble, neither having waited for the other. The order of
// their packets is up to the scheduler, and what follows from it is not the
// same in every run. Let one goroutine send, or give each a handle, or an
// instant, of its own.
type ConcurrentError struct {
	Handle string
	Time   time.Time
	Stacks string // of the goroutines, where they are
}

func (e *ConcurrentError) Error() string {
	return fmt.Sprintf("sim: several goroutines send on %s at %s, in no order that a seed could repeat:\n%s",
		e.Handle, e.Time.Format(time.RFC3339Nano), e.Stacks)
}

// A LimitError says that a condition did not come true in time. errors.Is(err,
// os.ErrDeadlineExceeded) holds.
type LimitError struct {
	Limit time.Duration // of virtual time
}

func (e *LimitError) Error() string {
	return "sim: not reached within " + e.Limit.String()
}

// Is reports whether target is os.ErrDeadlineExceeded.
func (e *LimitError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// Operations named in a *net.OpError.
const (
	opWrite = "write"
	opRoute = "route"
	opJoin  = "join"
	opLeave = "leave"
	opClaim = "claim"
)

// opError wraps err, an errno or a reason for which a packet is malformed.
func opError(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: name, Err: err}
}
