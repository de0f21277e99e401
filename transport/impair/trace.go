// Copyright The Protean Authors. BSD-3-Clause licence; see LICENSE.

package impair

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxTrace is how many lines a trace may have.
const maxTrace = 1 << 20

// ReadDelays reads delays for [Delay].Trace: one duration a line, such as
// "12.5ms". Empty lines and those that begin with "#" are left out. An error
// names the line; it is not there if reading fails.
func ReadDelays(r io.Reader) ([]time.Duration, error) { return readTrace(r, parseDuration) }

// ReadOpportunities reads a trace of mahimahi for [Rate].Trace: one time a line,
// in whole milliseconds, which may repeat. Errors: as for [ReadDelays].
func ReadOpportunities(r io.Reader) ([]time.Duration, error) {
	all, err := readTrace(r, func(s string) (time.Duration, error) {
		ms, err := strconv.ParseUint(s, 10, 64)
		if err != nil || ms > uint64(maxDelay/time.Millisecond) {
			return 0, errors.New("is not a number of milliseconds")
		}
		return time.Duration(ms) * time.Millisecond, nil
	})
	if err != nil {
		return nil, err
	}
	if reason := (Rate{Trace: all}).check(); reason != "" {
		return nil, fmt.Errorf("trace: %s", reason)
	}
	return all, nil
}

func readTrace(r io.Reader, parse func(string) (time.Duration, error)) (all []time.Duration, err error) {
	s := bufio.NewScanner(r)
	for line := 1; s.Scan(); line++ {
		w := strings.TrimSpace(s.Text())
		if w == "" || w[0] == '#' {
			continue
		}
		d, err := parse(w)
		if err != nil {
			return nil, fmt.Errorf("trace, line %d: %.40q %w", line, w, err)
		}
		if len(all) == maxTrace {
			return nil, fmt.Errorf("trace, line %d: more than %d times", line, maxTrace)
		}
		all = append(all, d)
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	if len(all) == 0 {
		return nil, errors.New("trace: has no times")
	}
	return all, nil
}
